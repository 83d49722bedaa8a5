"""Tables with a column for each level, with or without titles, and perhaps an id or a code for each row or level.

A row names its node by all cells from the first level down; leading blank cells mean "as in the row above", blanks
among
ranks of biology that the rank is not given. A common name beside is an alias of the row's node.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from taxonomy.errors import TaxonomyError
from taxonomy.formats.doubts.notes import note
from taxonomy.formats.paths.tree import taxonomy_of_paths
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.tables.delimited import DELIMITERS, Header, Row, find_header, no_table, read_rows, sample_rows
from taxonomy.formats.tables.levels import Levels, level_columns
from taxonomy.formats.tables.untitled import untitled_levels
from taxonomy.graph import Taxonomy, tidy

_SCORES = {"ranks": 0.87, "numbered": 0.87, "words": 0.8}
_UNTITLED_SCORE = 0.62
_CAMERA_TRAP_COLUMNS = 7


class Layout(NamedTuple):
    """How a table is read: rows after `line` (0 for all of them)."""

    delimiter: str
    line: int
    levels: Levels


def detect_header(text: str) -> bool:
    """Whether one of the first rows titles at least two levels."""
    header = _level_header(text)
    return header is not None and header.columns.kind != "words"


def detect(text: str) -> float:
    """Whether a row titles at least two levels, or the columns of all rows are levels by what they hold."""
    layout = _layout(text)
    return 0.0 if layout is None else _SCORES.get(layout.levels.kind, _UNTITLED_SCORE)


def parse(text: str, source: str) -> Taxonomy:
    """Build the tree. Raises TaxonomyError, with the line, on a gap between the levels of a row."""
    layout = _layout(text)
    if layout is None:
        raise TaxonomyError("expected a header with the columns tier 1, tier 2 and so on", source=source, line=1)
    rows = [row for row in read_rows(text, source, layout.delimiter) if row.line > layout.line]
    named = list(_paths(rows, layout.levels, source))
    read = taxonomy_of_paths(((row.line, names, "") for row, names in named), source, ids=_ids(named, layout.levels))
    return _with_aliases(read, named, layout.levels, source) if layout.levels.aliases is not None else read


def _level_header(text: str) -> Header[Levels] | None:
    """The row that titles the levels; one whose titles stand below as names too, as `n0, n1` of edges, is none."""
    header = find_header(text, level_columns)
    if header is None:
        return None
    rows = sample_rows(text, header.delimiter)
    titles = {cell for row in rows if row.line == header.line for cell in row.cells if cell}
    below = {cell for row in rows if row.line > header.line for cell in row.cells}
    return None if titles & below else header


def _layout(text: str) -> Layout | None:
    header = _level_header(text)
    if header is not None:
        return Layout(header.delimiter, header.line, header.columns)
    for delimiter in () if no_table(text) else DELIMITERS:
        rows = sample_rows(text, delimiter)
        if delimiter == ";" and _is_camera_trap(rows):
            return Layout(delimiter, 0, Levels((1, 2, 3, 4, 5), (None,) * 5, 0, 6, "ranks"))
        found = untitled_levels(rows)
        if found is not None:
            levels, has_header = found
            if has_header:
                note(f"taken for a header of levels: {', '.join(map(repr, rows[0].cells))[:120]}")
            return Layout(delimiter, rows[0].line if has_header else 0, levels)
    return None


def _is_camera_trap(rows: Sequence[Row]) -> bool:
    """Whether the rows are `uuid;class;order;family;genus;species;common name`, as camera-trap models have it."""
    ids = [row.cells[0] for row in rows]
    return (
        len(rows) > 1
        and all(len(row.cells) == _CAMERA_TRAP_COLUMNS for row in rows)
        and len(set(ids)) == len(ids)
        and all(any(map(str.isdigit, each)) and " " not in each for each in ids)
    )


def _paths(rows: Sequence[Row], levels: Levels, source: str) -> Iterator[tuple[Row, tuple[str, ...]]]:
    above: tuple[str, ...] = ()
    for row in rows:
        names = _ranked(row, levels) if levels.kind == "ranks" else _names(row, levels, above, source)
        if names:
            above = names
            yield row, names


def _ranked(row: Row, levels: Levels) -> tuple[str, ...]:
    names = tuple(name for column in levels.names if (name := tidy(row.cell(column))))
    if names[-2:-1] == names[-1:] and names[-1][:1].isupper():  # a scientific name that is that of the genus
        names = names[:-1]
    common = tidy(row.cell(levels.aliases))
    return names or ((common,) if common else ())


def _names(row: Row, levels: Levels, above: tuple[str, ...], source: str) -> tuple[str, ...]:
    cells = [tidy(row.cell(column)) for column in levels.names]
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


Named = Sequence[tuple[Row, tuple[str, ...]]]


def _ids(named: Named, levels: Levels) -> dict[tuple[str, ...], str]:
    """Path -> the id of its row, or the code of its level.

    None where one path has two or one stands for two paths: those are ids of something else.
    """
    ids: dict[tuple[str, ...], str] = {}
    if levels.id is None and not any(code is not None for code in levels.codes):
        return ids
    for row, names in named:
        given = [row.cell(code) for code in levels.codes[: len(names)]]
        given[-1] = given[-1] or row.cell(levels.id)
        for end, node_id in enumerate(map(tidy, given), 1):
            if node_id and ids.setdefault(names[:end], node_id) != node_id:
                note("the id column numbers rows, not nodes: nodes are known by their paths")
                return {}
    return ids if len(set(ids.values())) == len(ids) else {}


def _with_aliases(read: Taxonomy, named: Named, levels: Levels, source: str) -> Taxonomy:
    aliases: dict[str, set[str]] = {}
    by_path = {tuple(step.name for step in read.path(node.id)): node.id for node in read}
    for row, names in named:
        common = tidy(row.cell(levels.aliases))
        if common and common != names[-1] and names in by_path:
            aliases.setdefault(by_path[names], set()).update(tidy(part) for part in common.split("|") if part.strip())
    return Taxonomy((replace(node, aliases=tuple(aliases.get(node.id, ()))) for node in read), source)


FORMAT = TextFormat("tiers", detect, parse)
