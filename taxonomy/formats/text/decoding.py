"""The text of a file, whatever encoding it has: UTF-8, UTF-16 and UTF-32 by their marks or zeros, else Windows-1252."""

import codecs
from pathlib import Path

from taxonomy.errors import TaxonomyError, first_line
from taxonomy.formats.doubts.notes import note

MAX_FILE_BYTES = 256 * 2**20
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 4096
_CONTROLS = frozenset(range(32)) - {9, 10, 12, 13, 27}
_MIN_ZEROS = 0.3  # of the bytes at even or odd places, in UTF-16 without a mark


def read_bytes(path: Path) -> bytes:
    """The bytes of a file of at most MAX_FILE_BYTES. Raises TaxonomyError."""
    try:
        with path.open("rb") as stream:  # a device does not say how much it holds
            content = stream.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise TaxonomyError(f"larger than {MAX_FILE_BYTES} bytes", source=path)
        return content
    except OSError as error:
        raise TaxonomyError(first_line(error), source=path) from None
    except ValueError as error:
        raise TaxonomyError(f"{str(path)!r}: {error}") from None


def read_text(path: Path) -> str:
    """The text of a file of at most MAX_FILE_BYTES, its line ends made one. Raises TaxonomyError."""
    return decode(read_bytes(path), path)


def decode(content: bytes, source: Path) -> str:
    """The text of some bytes. Raises TaxonomyError on a NUL and on bytes that are no text in their encoding."""
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None) or _unmarked(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or error.start == 0 or _CONTROLS & set(content):
            shown = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
            raise TaxonomyError(f"not {shown} text (byte {error.start})", source=source) from None
        text = _western(content, error.start, source)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        raise TaxonomyError("a NUL byte in the text", source=source, line=text[: text.index("\0")].count("\n") + 1)
    return text


def _western(content: bytes, place: int, source: Path) -> str:
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        raise TaxonomyError(f"not UTF-8 text (byte {place})", source=source) from None
    note(f"not UTF-8 text (byte {place}): read as Windows-1252 (Latin-1)")
    return text


def _unmarked(content: bytes) -> str:
    head = content[:_SAMPLE_BYTES]
    half = len(head) // 2
    if half > 1 and len(content) % 2 == 0:
        if head[1::2].count(0) > _MIN_ZEROS * half and not head[::2].count(0):
            return "utf-16-le"
        if head[::2].count(0) > _MIN_ZEROS * half and not head[1::2].count(0):
            return "utf-16-be"
    return "utf-8"
