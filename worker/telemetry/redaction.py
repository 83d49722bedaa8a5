"""Texts as people may see them: without passwords, signatures and tokens.

Two measures: what we say of a URI hides every value in it (`redacted`), for any of them may be a secret. A whole log
line hides only what is named like a secret (`redacted_line`), so that it can still be read.
"""

import re

_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")
_QUERY = re.compile(r"[?#][^\s'\"<>]*")
_PASSWORD = re.compile(r"(://[^:/?#\s\"'@]*):[^/\s\"']*@")
_PARAMETER = re.compile(
    r"(?i)\b([\w.-]*(?:password|passwd|secret|token|signature|credential|api_?key|access_?key|\bsig)[\w.-]*=)[^&\s\"'\\,;]+"
)
_SHOWN_CHARS = 200


def redacted(text: str) -> str:
    """The text with the userinfo of every URI in it, and every value of their queries and fragments, made `***`."""
    return _QUERY.sub(_hidden_values, _USERINFO.sub("***@", text))


def shown(uri: str) -> str:
    """A redacted URI, short enough to leave room for what is said of it."""
    safe = redacted(uri)
    half = _SHOWN_CHARS // 2
    return safe if len(safe) <= _SHOWN_CHARS else f"{safe[:half]}...{safe[-half:]}"


def redacted_line(text: str) -> str:
    """The text without the passwords in URLs and the values of parameters that are named like secrets."""
    return _PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))


def _hidden_values(query: re.Match[str]) -> str:
    mark, parameters = query[0][0], query[0][1:]
    if not parameters or mark == "#":
        return mark + ("***" if parameters else "")
    names = (parameter.partition("=") for parameter in parameters.split("&"))
    return mark + "&".join(f"{name}=***" if sign else "***" for name, sign, _ in names)
