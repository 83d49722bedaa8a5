"""What an asset may be called and where it may lie, as people give it: checked once, before it is stored."""

import re
import string
from pathlib import Path
from urllib.parse import quote, urlsplit

from worker.errors import SubmissionError
from worker.telemetry.redaction import redacted, safe_message

MAX_URI_BYTES = 4096
MAX_KEY_BYTES = 2048  # of keys and names: what an index entry of PostgreSQL holds

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}")
_BLANK = re.compile(r"\s")
_NO_PATH = re.compile(r"(?i)(file|https?|ftp|s3|gs|az|memory|data|blob|javascript|mailto):")


def asset_uri(address: str, base: Path) -> str:
    """The URI under which an asset is fetched: a path, relative to `base`, becomes a file URI.

    Whether a worker may fetch it, and has the driver, is the worker's to say. Raises SubmissionError on what is no
    address, and on credentials in it: it is stored and shown.
    """
    safe = redacted(safe_message(_BLANK.sub("%20", address)))[:80]  # a password may hold a blank, an address may not
    if not address.strip():
        raise SubmissionError("the address is empty")
    if "\0" in address:
        raise SubmissionError(f"{safe!r} is not an address: it holds a NUL")
    uri = _web_uri(address, safe) if "://" in address else _path_uri(address, base, safe)
    if len(uri.encode()) > MAX_URI_BYTES:
        raise SubmissionError(f"{safe!r} is longer than {MAX_URI_BYTES} bytes")
    return uri


def checked_key(key: str, what: str = "key") -> str:
    """A key or a name that every database takes. Raises SubmissionError."""
    if not key.strip():
        raise SubmissionError(f"the {what} is blank")
    if "\0" in key:
        raise SubmissionError(f"the {what} {key[:80]!r} holds a NUL")
    size_bytes = len(_encoded(key, f"the {what} {key[:80]!r}"))
    if size_bytes > MAX_KEY_BYTES:
        raise SubmissionError(f"the {what} {key[:80]!r} has {size_bytes} bytes, more than {MAX_KEY_BYTES}")
    return key


def _path_uri(address: str, base: Path, safe: str) -> str:
    """A file URI; bytes of a file name that are not UTF-8 are escaped like all others."""
    if scheme := _NO_PATH.match(address):
        if scheme[1].lower() == "file":
            raise SubmissionError(f"{safe!r} is not an address: write file:///... or a path")
        raise SubmissionError(f"{safe!r} is not an address that can be fetched (a file of this name: ./{safe})")
    return (base / address).absolute().as_uri()


def _web_uri(address: str, safe: str) -> str:
    if any("\udc80" <= letter <= "\udcff" for letter in address):  # bytes that are not UTF-8, as a shell gives them
        address = quote(address, safe=string.printable, errors="surrogateescape")
    _encoded(address, repr(safe))
    try:
        parts = urlsplit(address)
        has_port = parts.port != 0
    except ValueError:  # its text quotes what may be a part of a password
        raise SubmissionError(f"{safe!r} is not an address: no such host or port") from None
    if not _SCHEME.fullmatch(address.partition("://")[0]) or any(letter.isspace() for letter in address):
        raise SubmissionError(f"{safe!r} is not an address")
    if "@" in parts.netloc:
        raise SubmissionError(f"{safe!r}: credentials in an address are not sent, as it is stored and shown")
    if not has_port:
        raise SubmissionError(f"{safe!r} is not an address: no such host or port")
    if parts.scheme != "file":
        return address
    if parts.netloc not in ("", "localhost"):
        raise SubmissionError(f"{safe!r}: files of this machine only (a path, or file:///...)")
    if "?" in address or "#" in address:
        raise SubmissionError(f"{safe!r}: write ? as %3F and # as %23 in the address of a file")
    return f"file://{parts.path}"


def _encoded(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise SubmissionError(f"{what} is not text in UTF-8") from None
