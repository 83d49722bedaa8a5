"""Rows of delimited text: every row knows its line, and the head of a file is where a header may be."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from io import StringIO
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from taxonomy.errors import TaxonomyError
from taxonomy.formats.vocabulary import plain

__all__ = [
    "DELIMITERS",
    "MAX_COLUMNS",
    "Header",
    "Row",
    "find_header",
    "first_rows",
    "no_table",
    "plain",
    "read_rows",
    "sample_rows",
]

DELIMITERS = ("\t", ",", ";", "|")
_HEADER_ROWS = 8  # a header is looked for in the first rows: some files have a title above it
_SAMPLE_LINES = 5000
MAX_COLUMNS = 1000  # of a row that may be a header
_MAX_FIELD = 2**24  # characters in one cell

T = TypeVar("T")


class Row(NamedTuple):
    """The stripped cells of one row, and the line on which it ends."""

    line: int
    cells: Sequence[str]

    def cell(self, column: int | None) -> str:
        """A cell, blank where the row is too short or there is no such column."""
        return self.cells[column] if column is not None and column < len(self.cells) else ""


class Header(NamedTuple, Generic[T]):
    """Where a header is, how the cells are told apart, and what its titles were taken for."""

    delimiter: str
    line: int
    titles: Sequence[str]
    columns: T


def read_rows(text: str, source: str, delimiter: str) -> Iterator[Row]:
    """Yield the rows that are not blank. Raises TaxonomyError, with the line, on quoting that does not add up."""
    csv.field_size_limit(_MAX_FIELD)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield Row(reader.line_num, stripped)
    except csv.Error as error:
        raise TaxonomyError(str(error), source=source, line=reader.line_num) from None


def first_rows(text: str, delimiter: str) -> list[Row]:
    """The rows among which a header may be, as far as they can be read."""
    return list(islice(sample_rows(text, delimiter, 4 * _HEADER_ROWS), _HEADER_ROWS))


def sample_rows(text: str, delimiter: str, lines: int = _SAMPLE_LINES) -> list[Row]:
    """The rows of the first lines, as far as they can be read."""
    head = "".join(islice(StringIO(text, newline=""), lines))
    found: list[Row] = []
    with suppress(TaxonomyError):
        found.extend(read_rows(head, "", delimiter))
    return found


def no_table(text: str) -> bool:
    """Whether the text begins as JSON, XML or Turtle does."""
    return text.lstrip()[:1] in ("{", "[", "<", "@", "")


def find_header(text: str, columns_of: Callable[[tuple[str, ...]], T | None]) -> "Header[T] | None":
    """The first row whose plain titles `columns_of` knows what to do with; None where there is no such row."""
    if no_table(text):
        return None
    for delimiter in DELIMITERS:
        rows = first_rows(text, delimiter)
        for row in rows:
            titles = _titles(row)
            columns = columns_of(titles) if 1 < len(titles) <= MAX_COLUMNS else None
            if columns is not None:
                line = next((each.line for each in rows if each.line > row.line and _titles(each) == titles), row.line)
                return Header(delimiter, line, titles, columns)  # the later one, where a comment says it before
    return None


def _titles(row: Row) -> tuple[str, ...]:
    return tuple(plain(title) for title in row.cells)
