"""A table with a header, one column of which holds paths: `id, path`, `category_id; category`, `path, count`."""

from collections.abc import Iterator
from typing import NamedTuple

from taxonomy.errors import TaxonomyError
from taxonomy.formats.paths.separators import find_separator, split_names
from taxonomy.formats.paths.tree import taxonomy_of_paths
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.tables.delimited import DELIMITERS, MAX_COLUMNS, Row, no_table, read_rows, sample_rows
from taxonomy.formats.vocabulary import field_columns, is_parent, name_strength, path_strength, plain
from taxonomy.graph import Taxonomy, tidy

_SCORE = 0.85
_HEADER_ROWS = 5
_FILE_TITLES = frozenset({"image", "file", "filename", "url", "img", "images", "image path", "file name", "file path"})


class _Layout(NamedTuple):
    delimiter: str
    line: int  # of the header
    path: int
    id: int | None
    separator: str


def detect(text: str) -> float:
    """Whether one of the first rows is a header, and the cells of one column are paths."""
    return 0.0 if _layout(text) is None else _SCORE


def parse(text: str, source: str) -> Taxonomy:
    """Build the tree; parents without a row are implied. Raises TaxonomyError, with the line."""
    layout = _layout(text)
    if layout is None:
        raise TaxonomyError("expected a header and a column of paths", source=source, line=1)
    return taxonomy_of_paths(_paths(text, layout, source), source)


def _paths(text: str, layout: _Layout, source: str) -> Iterator[tuple[int, tuple[str, ...], str]]:
    for row in read_rows(text, source, layout.delimiter):
        cell = row.cell(layout.path)
        if row.line > layout.line and cell:
            yield row.line, split_names(cell, layout.separator), tidy(row.cell(layout.id))


def _layout(text: str) -> _Layout | None:
    if no_table(text):
        return None
    for delimiter in DELIMITERS:
        rows = sample_rows(text, delimiter)
        for place, row in enumerate(rows[:_HEADER_ROWS]):
            titles = tuple(plain(title) for title in row.cells)
            found = _columns(titles, rows[place + 1 :], delimiter)
            if found is not None:
                column, separator = found
                fields = field_columns(tuple("" if at == column else title for at, title in enumerate(titles)))
                return _Layout(delimiter, row.line, column, fields.get("id"), separator)
    return None


def _columns(titles: tuple[str, ...], rows: list[Row], delimiter: str) -> tuple[int, str] | None:
    """(the column of paths, what separates their names), where the titles are a header."""
    if not 1 < len(titles) <= MAX_COLUMNS or not rows or any(is_parent(title) for title in titles):  # one: path-lines
        return None
    if not any(path_strength(title) or name_strength(title) or title == "id" for title in titles):
        return None
    if _FILE_TITLES & set(titles):
        return None
    by_strength = sorted(range(len(titles)), key=lambda at: (-path_strength(titles[at]), -name_strength(titles[at])))
    for column in by_strength:
        if not (path_strength(titles[column]) or name_strength(titles[column])):
            continue
        cells = [cell for row in rows if (cell := row.cell(column))]
        separator = find_separator(cells) if cells else None
        if separator is not None and separator != delimiter and _fits(titles[column], cells, separator):
            return column, separator
    return None


def _fits(title: str, cells: list[str], separator: str) -> bool:
    """Whether half of the cells hold it, so that it is no sign in a name; in a path column one will do."""
    with_it = sum(separator in cell for cell in cells)
    return bool(path_strength(title)) or separator == " > " or 2 * with_it >= len(cells)


FORMAT = TextFormat("path-column", detect, parse)
