"""CSV or TSV with a column for each level (`Tier 1, Tier 2, ...`, `Level 1`, `L1`), and perhaps an id for each row.

A row names its node by all cells from the first level down; leading blank cells mean "as in the row above".
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from taxonomy.errors import TaxonomyError
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.tables.delimited import DELIMITERS, Row, first_rows, plain, read_rows
from taxonomy.formats.tables.paths import taxonomy_of_paths
from taxonomy.graph import Taxonomy, tidy

_LEVEL = re.compile(r"^(?:category )?(?:tier|level|lvl|l|t|depth) ?(\d{1,2})(?: name| category)?$")
_ID = frozenset({"id", "unique id", "node id", "category id", "code", "uid"})


class _Header(NamedTuple):
    delimiter: str
    line: int
    levels: tuple[int, ...]  # columns from the first level down
    id: int | None


def detect(text: str) -> bool:
    """Whether one of the first rows titles at least two levels, the first of them 1 (or 0)."""
    return _header(text) is not None


def parse(text: str, source: str) -> Taxonomy:
    """Build the tree. Raises TaxonomyError, with the line, on a gap between the levels of a row."""
    header = _header(text)
    if header is None:
        raise TaxonomyError("expected a header with the columns tier 1, tier 2 and so on", source=source, line=1)
    return taxonomy_of_paths(_paths(text, header, source), source)


def _header(text: str) -> _Header | None:
    for delimiter in DELIMITERS:
        for row in first_rows(text, delimiter):
            titles = [plain(title) for title in row.cells]
            levels = {int(match[1]): place for place, title in enumerate(titles) if (match := _LEVEL.match(title))}
            numbers = sorted(levels)
            if len(numbers) > 1 and numbers in (list(range(len(numbers))), list(range(1, len(numbers) + 1))):
                has_id = next((place for place, title in enumerate(titles) if title in _ID), None)
                return _Header(delimiter, row.line, tuple(levels[number] for number in numbers), has_id)
    return None


def _paths(text: str, header: _Header, source: str) -> Iterator[tuple[int, tuple[str, ...], str]]:
    above: tuple[str, ...] = ()
    for row in read_rows(text, source, header.delimiter):
        if row.line <= header.line:
            continue
        names = _names(row, header, above, source)
        if names:
            above = names
            yield row.line, names, row.cell(header.id) if header.id is not None else ""


def _names(row: Row, header: _Header, above: tuple[str, ...], source: str) -> tuple[str, ...]:
    cells = [tidy(row.cell(column)) for column in header.levels]
    while cells and not cells[-1]:
        cells.pop()
    for place, cell in enumerate(cells):
        if cell:
            break
        if place >= len(above):
            raise TaxonomyError(f"no row above says what level {place + 1} is", source=source, line=row.line)
        cells[place] = above[place]
    if not all(cells):
        raise TaxonomyError(
            f"level {cells.index('') + 1} is blank, but one below it is not", source=source, line=row.line
        )
    return tuple(cells)


FORMAT = TextFormat("tiers", detect, parse)
