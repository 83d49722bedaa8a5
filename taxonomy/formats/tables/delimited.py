"""Rows of delimited text: the delimiter is found, every row knows its line."""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import StringIO
from itertools import islice
from typing import NamedTuple

from taxonomy.errors import TaxonomyError

DELIMITERS = ("\t", ",", ";", "|")
_HEADER_ROWS = 5  # a header is looked for in the first rows: some files have a title above it


class Row(NamedTuple):
    """The stripped cells of one row, and the line on which it ends."""

    line: int
    cells: Sequence[str]

    def cell(self, column: int) -> str:
        """A cell, blank where the row is too short."""
        return self.cells[column] if column < len(self.cells) else ""


def read_rows(text: str, source: str, delimiter: str) -> Iterator[Row]:
    """Yield the rows that are not blank. Raises TaxonomyError, with the line, on quoting that does not add up."""
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
    head = "".join(islice(StringIO(text, newline=""), 4 * _HEADER_ROWS))
    found: list[Row] = []
    with suppress(TaxonomyError):
        found.extend(islice(read_rows(head, "", delimiter), _HEADER_ROWS))
    return found


def plain(title: str) -> str:
    """A column's title without case, punctuation and double spaces: `Unique_ID` -> `unique id`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", title)
    return " ".join(re.sub(r"[^0-9a-z]+", " ", spaced.lower()).split())
