"""Two columns without a header, parent and child; the other way round where only that makes a tree."""

import re
from collections.abc import Iterator, Sequence

from taxonomy.errors import TaxonomyError
from taxonomy.formats.doubts.notes import note
from taxonomy.formats.paths.separators import find_separator
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.tables.delimited import Row, no_table, read_rows, sample_rows
from taxonomy.formats.tables.untitled import is_image
from taxonomy.formats.vocabulary import edge_columns, plain
from taxonomy.graph import Node, Taxonomy, tidy

_COLUMNS = 2
_NUMBER = re.compile(r"[A-Za-z]?\d+(?:\.\d+)?")  # with a letter: n01440764, Q42
_DELIMITERS = ("\t", ",", ";")
_SCORE, _SPACE_SCORE = 0.6, 0.5

Edge = tuple[int, str, str]


def detect(text: str) -> float:
    """Whether all of the lines have two fields, by tab, comma, semicolon or white space, and they are no index."""
    if no_table(text):
        return 0.0
    delimiter = _delimiter(text)
    if delimiter is None:
        return 0.0
    rows = [row.cells for row in _rows(text, "", delimiter, whole=False)]
    pairs = [(tidy(cells[0]), tidy(cells[1])) for cells in rows if len(cells) > 1]
    if not pairs or any(map(is_image, pairs[-1])) or _is_index([a for a, _ in pairs], [b for _, b in pairs]):
        return 0.0
    if any(find_separator(list(column)) == " > " for column in zip(*pairs, strict=True)):
        return 0.0
    return _SPACE_SCORE if delimiter == " " else _SCORE


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError, with the line, on a row that has not just two fields."""
    edges = list(_edges(text, source, _delimiter(text) or "\t"))
    if _is_reversed(edges):
        note("read as child, parent: as parent, child it would have more roots than leaves")
        edges = [(line, parent, child) for line, child, parent in edges]
    parents: dict[str, dict[str, None]] = {}
    where: dict[str, int] = {}
    for line, parent, child in edges:
        parents.setdefault(parent, {})
        parents.setdefault(child, {})[parent] = None
        where.setdefault(child, line)
        where.setdefault(parent, line)
    return Taxonomy((Node(name, name, tuple(above), line=where[name]) for name, above in parents.items()), source)


def _is_reversed(edges: Sequence[Edge]) -> bool:
    """Whether every first name has one second name and second names have several first: children, then parents."""
    firsts: dict[str, set[str]] = {}
    seconds: dict[str, set[str]] = {}
    for _, first, second in edges:
        firsts.setdefault(first, set()).add(second)
        seconds.setdefault(second, set()).add(first)
    roots, leaves = len(firsts.keys() - seconds.keys()), len(seconds.keys() - firsts.keys())
    return roots > leaves > 0 and all(len(found) == 1 for found in firsts.values())


def _edges(text: str, source: str, delimiter: str) -> Iterator[Edge]:
    """Yield (line, parent, child)."""
    order = (0, 1)
    is_first = True
    for row in _rows(text, source, delimiter, whole=True):
        cells = row.cells
        titled = edge_columns(tuple(plain(cell) for cell in cells)) if is_first and len(cells) == _COLUMNS else None
        is_first = False
        if titled is not None:
            order = (titled[0], titled[1])
            continue
        if len(cells) != _COLUMNS or not all(cells):
            raise TaxonomyError(
                f"expected a parent and a child, found {list(cells)!r:.80}", source=source, line=row.line
            )
        yield row.line, tidy(cells[order[0]]), tidy(cells[order[1]])


def _rows(text: str, source: str, delimiter: str, *, whole: bool) -> Iterator[Row]:
    if delimiter == " ":
        rows = (Row(number, line.split()) for number, line in enumerate(text.splitlines(), 1) if line.strip())
    elif whole:
        rows = (_without_trailing(row) for row in read_rows(text, source, delimiter))
    else:
        rows = (_without_trailing(row) for row in sample_rows(text, delimiter))
    return (row for row in rows if not row.cells[0].startswith("#"))


def _without_trailing(row: Row) -> Row:
    cells = list(row.cells)
    while len(cells) > _COLUMNS and not cells[-1]:
        cells.pop()
    return Row(row.line, cells)


def _delimiter(text: str) -> str | None:
    for delimiter in _DELIMITERS:
        rows = [row.cells for row in _rows(text, "", delimiter, whole=False)]
        if rows and all(len(cells) == _COLUMNS and all(cells) for cells in rows):
            return delimiter
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return " " if len(lines) > 1 and all(len(line) == _COLUMNS for line in lines) else None


def _is_index(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether just one of the columns numbers the other: a class list, not edges."""
    numbered = [_is_numbers(left), _is_numbers(right)]
    if all(numbered):
        return not set(left) & set(right)
    return any(numbered) or _is_numbers(left[1:]) or _is_numbers(right[1:])


def _is_numbers(column: Sequence[str]) -> bool:
    return bool(column) and all(_NUMBER.fullmatch(cell) for cell in column)


FORMAT = TextFormat("edge-list", detect, parse)
