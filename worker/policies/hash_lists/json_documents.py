"""The entries of a JSON document of any size, one by one: an array, or objects that hold one under `data`."""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from taxonomy.errors import first_line
from worker.errors import HashListError

MAX_ENTRY_CHARS = 2**20

_PIECE_BYTES = 2**18
_BLANKS = re.compile("[ \t\n\r\ufeff]*")


def json_entries(stream: BinaryIO, source: Path) -> Iterator[tuple[int, Any]]:
    """Each entry with its line. Raises HashListError where the document is no JSON, or no list of entries.

    Several documents may follow each other, as pages of an export do.
    """
    text = _Text(stream, source)
    while text.peek():
        if text.peek() == "[":
            yield from _array(text)
        elif text.peek() == "{":
            yield from _page(text)
        else:
            raise text.error("neither an array nor an object")


def _page(text: "_Text") -> Iterator[tuple[int, Any]]:
    """The entries of the object's `data`; what else it holds is passed over."""
    begun, has_data = text.line, False
    text.take("{")
    while text.peek() != "}":
        name = text.value()
        text.take(":")
        if name == "data" and text.peek() == "[":
            has_data = True
            yield from _array(text)
        else:
            text.value()
        if text.peek() != "}":
            text.take(",")
    text.take("}")
    if not has_data:
        raise HashListError("an object without an array `data`; nothing was imported", source=text.source, line=begun)


def _array(text: "_Text") -> Iterator[tuple[int, Any]]:
    text.take("[")
    while text.peek() != "]":
        line = text.line
        yield line, text.value()
        if text.peek() != "]":
            text.take(",")
    text.take("]")


class _Text:
    """A document read piece by piece; `line` is that of the next sign that is not blank, once it was peeked at."""

    def __init__(self, stream: BinaryIO, source: Path) -> None:
        self._stream = stream
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._read = json.JSONDecoder().raw_decode
        self._buffer, self._at = "", 0
        self.source, self.line = source, 1

    def error(self, message: str) -> HashListError:
        """What is wrong at this line."""
        return HashListError(f"no JSON: {message}; nothing was imported", source=self.source, line=self.line)

    def peek(self) -> str:
        """The next sign that is not blank; none at the end."""
        while True:
            blanks = _BLANKS.match(self._buffer, self._at)
            self._move_to(blanks.end() if blanks else self._at)
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._fill():
                return ""

    def take(self, sign: str) -> None:
        """Pass this sign, which must come next."""
        found = self.peek()
        if found != sign:
            raise self.error(f"{sign!r} is missing before {found!r}" if found else f"it ends where {sign!r} is missing")
        self._move_to(self._at + 1)

    def value(self) -> Any:
        """The next value, of bounded size."""
        self.peek()
        while True:
            try:
                found, end = self._read(self._buffer, self._at)
            except RecursionError:
                raise self.error("nested too deeply") from None
            except ValueError as error:
                if len(self._buffer) - self._at >= MAX_ENTRY_CHARS:
                    raise self.error(f"no whole entry within {MAX_ENTRY_CHARS} characters") from None
                if not self._fill():
                    raise self.error(getattr(error, "msg", first_line(error))) from None
            else:
                if end == len(self._buffer) and self._fill():
                    continue  # a number may go on in the next piece
                self._move_to(end)
                return found

    def _move_to(self, at: int) -> None:
        self.line += self._buffer.count("\n", self._at, at)
        self._at = at

    def _fill(self) -> bool:
        """Read another piece, and let go of what is done; False at the end of the file."""
        piece = self._stream.read(_PIECE_BYTES)
        self._buffer, self._at = self._buffer[self._at :] + self._decode(piece, final=not piece), 0
        return bool(piece)
