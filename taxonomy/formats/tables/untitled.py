"""Columns that are levels by what they hold, in tables whose titles say nothing or that have none."""

from collections.abc import Sequence

from taxonomy.formats.paths.separators import find_separator
from taxonomy.formats.tables.delimited import Row
from taxonomy.formats.tables.levels import Levels
from taxonomy.formats.vocabulary import field_columns, plain
from taxonomy.graph import tidy

_MIN_ROWS, _MIN_COLUMNS = 2, 2
_MAX_NAME = 120
_MAX_EXCEPTIONS = 0.02  # of the names of a level that have a second parent
_MAX_COLUMNS = 12


def untitled_levels(rows: Sequence[Row]) -> tuple[Levels, bool] | None:
    """(levels, whether the first row is a header), where the columns of all rows can be nothing but levels.

    All rows are paths from the first column on, blank but at their ends; every name has one parent; the first column
    repeats. A column of numbers or codes in front that differ in every row holds ids. Two columns are an edge list.
    """
    if len(rows) < _MIN_ROWS:
        return None
    width = max(len(row.cells) for row in rows)
    if not _MIN_COLUMNS < width <= _MAX_COLUMNS:
        return None
    table = [[tidy(row.cell(column)) for column in range(width)] for row in rows]
    has_id = _is_index([cells[0] for cells in table])
    first = int(has_id)
    if width - first < _MIN_COLUMNS:
        return None
    paths = [cells[first:] for cells in table]
    titles = tuple(plain(cell) for cell in rows[0].cells)
    is_titled = len(set(paths[0])) == len(paths[0]) and all(paths[0]) and _is_header(paths, titles)
    body = paths[1:] if is_titled else paths
    if not _are_paths(body):
        return None
    columns = tuple(range(first, width))
    return Levels(columns, tuple(None for _ in columns), 0 if has_id else None, None, "untitled"), is_titled


def _is_index(cells: Sequence[str]) -> bool:
    body = cells[1:] if not cells[0].isdecimal() else cells
    return len(set(cells)) == len(cells) and bool(body) and all(cell.isdecimal() for cell in body)


def _is_header(paths: Sequence[Sequence[str]], titles: tuple[str, ...]) -> bool:
    """Whether the first row is a header: a known title, or a first cell like no other where the others repeat."""
    if len(field_columns(titles)) > 1:
        return True
    others = [cells[0] for cells in paths[1:] if cells[0]]
    elsewhere = {cell for cells in paths[1:] for cell in cells}
    return (
        not set(paths[0]) & elsewhere and len(others) > 1 and all(others.count(name) > 1 for name in set(others[:50]))
    )


def _are_paths(paths: Sequence[Sequence[str]]) -> bool:
    roots = [cells[0] for cells in paths]
    if not paths or not roots[0] or len(set(filter(None, roots))) >= len(paths):
        return False
    parents: dict[tuple[int, str], set[str]] = {}
    for cells in paths:
        names = list(cells)
        while names and not names[-1]:
            names.pop()
        filled = [place for place, name in enumerate(names) if name]
        if not filled or filled != list(range(filled[0], len(names))) or not all(map(_is_name, names[filled[0] :])):
            return False
        for place in filled[1:]:
            parents.setdefault((place, names[place]), set()).add(names[place - 1])
    twice = sum(len(above) > 1 for above in parents.values())
    columns = {place for place, _ in parents}
    alone = [cell for cells in paths for cell in cells if cell]
    return bool(columns) and twice <= _MAX_EXCEPTIONS * len(parents) and find_separator(alone) != " > "


def _is_name(text: str) -> bool:
    return len(text) <= _MAX_NAME and not text.replace(".", "").replace("-", "").isdecimal() and not is_image(text)


def is_image(text: str) -> bool:
    """Whether a cell names an image file or an address."""
    return text.lower().endswith((".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp")) or "://" in text
