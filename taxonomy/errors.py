"""The one error root of Cladist, and the taxonomy's own errors."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

_MAX_MESSAGE = 2000  # characters; a name in it may be a whole file


class CladistError(Exception):
    """Wrong use or bad input; its text is one line, `SOURCE: line LINE: MESSAGE`, as far as the place is known.

    message: what is wrong. source: the file, address or release that it is wrong in. line: its line there, from 1.
    code: a stable word for programs, where there is one.
    """

    code: str | None = None

    def __init__(
        self, message: str, *, source: str | Path | None = None, line: int | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message if len(message) <= _MAX_MESSAGE else f"{message[:_MAX_MESSAGE]} ..."
        self.source = None if source is None else str(source)
        self.line = line
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        line = None if self.line is None else f"line {self.line}"
        return ": ".join(part for part in (self.source, line, self.message) if part)

    @classmethod
    def of(cls, error: "CladistError") -> Self:
        """What another error says, at the same place, as an error of this kind and with the code of this kind."""
        return cls(error.message, source=error.source, line=error.line)


class TaxonomyError(CladistError):
    """A taxonomy that breaks a rule, or a node that it does not have."""


@contextmanager
def located(source: str | Path, line: int | None = None, part: str = "") -> Iterator[None]:
    """Give a CladistError that is raised inside, and names no source yet, its place; `part` says where in the line."""
    try:
        yield
    except CladistError as error:
        if error.source is None:
            error.source, error.line = str(source), line
            error.message = f"{part}: {error.message}" if part else error.message
        raise


def first_line(error: BaseException) -> str:
    """What an error of a library or of the system says, in one line.

    That is its heading, with the line after it where it ends in a colon; of an OSError what the system says of it.
    """
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]


def some_of(found: Iterable[str], most: int, separator: str = ", ") -> str:
    """The first `most` of the texts, and how many more there are: `a, b and 3 more`."""
    texts = list(found)
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return separator.join(texts[:most]) + more
