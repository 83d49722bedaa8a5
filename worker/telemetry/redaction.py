"""Texts as people may see them: without passwords, signatures and tokens, and without characters that act.

Two measures against secrets: what we say of a URI hides every value in it (`redacted`), for any of them may be one. A
whole log line or message hides only what is named or looks like one (`redacted_line`), so that it can still be read.
"""

import json
import re

# What could begin anew at every sign is bounded, so that no text takes long: no address is longer than some kilobytes.
_USERINFO = re.compile(r"(?i)(?<=://)[^/?#\s]*(?:@|%40)")
_CUT_USERINFO = re.compile(r"(?<=://)[^/?#\s]+(?=[?#][^\s'\"<>]{0,2048}@)")  # by a ? or #
_QUERY = re.compile(r"[?#][^\s'\"<>]*")
_PASSWORD = re.compile(r"(://[^:/?#\s\"'@]*):(?!\d{1,5}[/?#])[^\s\"'<>]{0,2048}@")  # with / and @; a port is none
_USER = re.compile(r"(?i)\b((?:https?|rediss?|s3|gs|az)://)[^:/?#\s\"'@]+@")
_ENCODED_USERINFO = re.compile(r"(?i)(?<=://)[^/?#\s\"'@]*%40")
_BARE_PASSWORD = re.compile(r"(?<![^\s'\"(])([^\s:/@'\"(]*):[^\s/'\"]*@(?=[^\s'\"])")  # user:password@host
_NAMED = (
    r"[\w.-]{0,40}(?:password|passwd|passphrase|pwd|secret|token|signature|credential|auth(?!or)|cookie|"
    r"(?:api|access|account|private)_?-?key|\bsig|\bpass|\bpw)[\w.-]{0,40}"
)
_PARAMETER = re.compile(rf"(?i)({_NAMED}(?:=|%3D))(?:'[^']*'|(?!\*\*\*)[^&\s\"'\\,;]+)")
_ENTRY = re.compile(rf"(?i)(\\?[\"']{_NAMED}\\?[\"']\s*[:,]\s*b?\\?[\"'])[^\"'\\]+")
_HEADER = re.compile(
    r"(?i)\b((?:(?:proxy-)?authorization|(?:set-)?cookie|passw(?:or)?d|pwd|passphrase|secret|api[_-]?key|"
    r"x-[\w-]{0,40}(?:token|auth|key|secret|signature|credential)[\w-]{0,40}): ?)(?!\*\*\*)[^\r\n\"'\\]+"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)( |%20|\+)[\w.~+/=%-]{8,}")
_KNOWN_KINDS = re.compile(  # our own keys, JSON web tokens, keys of AWS, GitHub, Slack and OpenAI, secrets of webhooks
    r"\b(?:cladist_\d{1,9}_[\w-]{20,}|eyJ[\w-]{10,}\.[\w-]{5,}(?:\.[\w-]*)?|(?:AKIA|ASIA)[A-Z0-9]{16}|gh[opsur]_\w{20,}|"
    r"xox[a-z]-[\w-]{10,}|sk-[\w-]{20,}|whsec_[\w+/-]{16,}={0,2})"
)
_PLAIN = "sslmode|target_session_attrs|application_name|connect_timeout"
_LONG_VALUE = re.compile(rf"([?&](?!(?:{_PLAIN})=)[\w.%~-]+=)[^&\s\"'\\,;<>]{{8,}}")
_FRAGMENT = re.compile(r"(://[^\s\"'<>#]{0,2048}#)[^\s\"'<>]+")
_NAMELESS_VALUE = re.compile(r"(://[^\s\"'<>?#]{0,2048}\?)[^=&\s\"'<>#]{8,}(?=[\s\"'<>#&]|$)")
_BLANK = re.compile(r"\s")
_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # of the terminal
    "\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"  # of the direction of writing, invisible, or half a character
)
_ESCAPED_BYTES = range(0xDC80, 0xDD00)  # bytes that are no UTF-8, as Python keeps those of arguments and file names
_SHOWN_CHARS = 200


def redacted(text: str) -> str:
    """The text with the userinfo of every URI in it, and every value of their queries and fragments, made `***`."""
    text = _CUT_USERINFO.sub("***", _PASSWORD.sub("://***@", _USERINFO.sub("***@", text)))
    return _QUERY.sub(_hidden_values, text)


def redacted_uri(uri: str) -> str:
    """One URI, redacted; a blank, which a password may hold and an address may not, does not end it."""
    return redacted(_BLANK.sub("%20", uri))


def shown(uri: str) -> str:
    """A redacted URI, short enough to leave room for what is said of it."""
    safe = redacted_uri(uri)
    half = _SHOWN_CHARS // 2
    return safe if len(safe) <= _SHOWN_CHARS else f"{safe[:half]}...{safe[-half:]}"


def redacted_line(text: str) -> str:
    """The text without passwords, the values of parameters named like secrets, and long values of any query."""
    text = _ENCODED_USERINFO.sub("***%40", _USER.sub(r"\1***@", _PASSWORD.sub(r"\1:***@", text)))
    text = _BARE_PASSWORD.sub(r"\1:***@", text)
    text = _BEARER.sub(r"\1\2***", _KNOWN_KINDS.sub("***", text))
    text = _HEADER.sub(r"\1***", _ENTRY.sub(r"\1***", _PARAMETER.sub(r"\1***", text)))
    return _NAMELESS_VALUE.sub(r"\1***", _FRAGMENT.sub(r"\1***", _LONG_VALUE.sub(r"\1***", text)))


def visible(text: str) -> str:
    r"""The text with every character that acts on a terminal or cannot be seen as its escape: `\x1b`, `\u202e`.

    Line ends and tabs stay.
    """
    return _ACTING.sub(lambda match: _escape(ord(match[0])), text)


def visible_json(text: str) -> str:
    """JSON text of the same value in which such characters are JSON escapes."""
    return _ACTING.sub(lambda match: json.dumps(match[0])[1:-1] if match[0] != "\x7f" else r"\u007f", text)


def safe_message(text: str) -> str:
    """What may be stored or shown of an error: redacted and visible."""
    return visible(redacted_line(text))


def _escape(code: int) -> str:
    if code in _ESCAPED_BYTES:
        code -= 0xDC00
    if code < 0x100:  # noqa: PLR2004 (two digits)
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 (four digits)


def _hidden_values(query: re.Match[str]) -> str:
    mark, parameters = query[0][0], query[0][1:]
    if not parameters or mark == "#":
        return mark + ("***" if parameters else "")
    names = (parameter.partition("=") for parameter in parameters.split("&"))
    return mark + "&".join(f"{name}=***" if sign else "***" for name, sign, _ in names)
