"""CSV or TSV with a header: one row a node with its id, its name and the ids of its parents; and what Cladist writes.

Several parents stand in one cell, joined by `|` or `;`, or in rows of their own that repeat id and name. IAB's content
taxonomies are such files: two header rows, a `Parent` column, and tier columns that say the same once more. Theirs have
siblings of one name (Antarctica, twice, in 2.2): in a file with tier columns the second is named `Antarctica (1227)`,
with the shared name as an alias. Elsewhere such siblings are refused.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from typing import NamedTuple

from taxonomy.errors import TaxonomyError, located
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.tables import tiers
from taxonomy.formats.tables.delimited import DELIMITERS, Row, first_rows, plain, read_rows
from taxonomy.graph import Node, Taxonomy, tidy

_TITLES: Mapping[str, frozenset[str]] = {
    "id": frozenset({"id", "node id", "unique id", "uid", "identifier", "category id", "taxonomy id", "node", "code"}),
    "name": frozenset({"name", "label", "title", "category", "category name", "node name", "display name", "value"}),
    "parents": frozenset(
        {
            "parent",
            "parents",
            "parent id",
            "parent ids",
            "parents ids",
            "parent node",
            "parent code",
            "parent unique id",
            "broader",
        }
    ),
    "aliases": frozenset({"aliases", "alias", "synonyms", "alt labels"}),
    "names": frozenset({"names"}),
    "description": frozenset({"description", "definition"}),
    "assignable": frozenset({"assignable"}),
    "deprecated": frozenset({"deprecated"}),
    "replaced_by": frozenset({"replaced by"}),
    "part_of": frozenset({"part of"}),
}
_LISTS = ("parents", "aliases", "part_of")
_NO_PARENT = frozenset(
    {"0", "-1", "null", "none", "nan", "\\n", "root"}
)  # as exports write it, where no node has such an id
_TRUE, _FALSE = frozenset({"true", "yes", "1", "x"}), frozenset({"", "false", "no", "0"})


class _Header(NamedTuple):
    delimiter: str
    line: int
    width: int
    columns: Mapping[str, int]


def detect(text: str) -> bool:
    """Whether one of the first rows titles an id and a parent column."""
    return _header(text) is not None


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError, with the line, on a missing header or a cell that cannot be read."""
    header = _header(text)
    if header is None:
        raise TaxonomyError("expected a header with the columns id, name and parent", source=source, line=1)
    rows = [row for row in read_rows(text, source, header.delimiter) if row.line > header.line]
    known = {tidy(row.cell(header.columns["id"])) for row in rows}
    nodes = _merged(_nodes(rows, header, known, source))
    return Taxonomy(_told_apart(nodes) if tiers.detect(text) else nodes, source)


def write(taxonomy: Taxonomy) -> str:
    """CSV that reads back as the same release; columns that no node needs are left out."""
    table = [_cells(node, taxonomy) for node in taxonomy]
    always = ("id", "name", "parents")
    columns = [*always, *(key for key in _TITLES if key not in always and any(row[key] for row in table))]
    stream = StringIO(newline="")
    writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return stream.getvalue()


def _header(text: str) -> _Header | None:
    for delimiter in DELIMITERS:
        for row in first_rows(text, delimiter):
            titles = [plain(title) for title in row.cells]
            columns = {
                field: next(place for place, title in enumerate(titles) if title in known)
                for field, known in _TITLES.items()
                if known & set(titles)
            }
            if {"id", "parents"} <= columns.keys():
                return _Header(delimiter, row.line, len(titles), columns)
    return None


def _nodes(rows: Sequence[Row], header: _Header, known: set[str], source: str) -> Iterator[Node]:
    for row in rows:
        with located(source, row.line):
            node = _node(row, header, known)
        yield node


def _node(row: Row, header: _Header, known: set[str]) -> Node:
    if len(row.cells) > header.width and any(row.cells[header.width :]):
        raise TaxonomyError(f"{len(row.cells)} fields, more than the header's {header.width}")
    cells = {field: row.cell(place) for field, place in header.columns.items()}
    return Node(
        id=cells["id"],
        name=cells.get("name", cells["id"]),
        parents=_list(cells["parents"], known),
        aliases=_list(cells.get("aliases", ""), frozenset()),
        names=_names(cells.get("names", "")),
        description=cells.get("description", ""),
        assignable=_flag(cells.get("assignable", "")),
        deprecated=_flag(cells.get("deprecated", "")),
        replaced_by=cells.get("replaced_by") or None,
        part_of=_list(cells.get("part_of", ""), known),
        line=row.line,
    )


def _merged(nodes: Iterator[Node]) -> Iterator[Node]:
    """Rows that repeat a node with another parent are one node; other repetitions are left for Taxonomy to refuse."""
    first: dict[str, Node] = {}
    others: list[Node] = []
    for node in nodes:
        known = first.setdefault(node.id, node)
        if known is node:
            continue
        if known.name == node.name and node.parents and not set(node.parents) <= set(known.parents):
            first[node.id] = replace(known, parents=(*known.parents, *node.parents))
        else:
            others.append(node)
    yield from first.values()
    yield from others


def _told_apart(nodes: Iterator[Node]) -> Iterator[Node]:
    met: set[tuple[tuple[str, ...], str]] = set()
    for node in nodes:
        if (node.parents, node.name) in met:
            yield replace(node, name=f"{node.name} ({node.id})", aliases=(*node.aliases, node.name))
        else:
            met.add((node.parents, node.name))
            yield node


def _list(cell: str, known: set[str] | frozenset[str]) -> tuple[str, ...]:
    if not cell or tidy(cell) in known:
        return (cell,) if cell else ()
    if known and cell.lower() in _NO_PARENT:
        return ()
    if cell.startswith("["):
        try:
            values = json.loads(cell)
        except (ValueError, RecursionError):
            values = None
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return tuple(_unicode(value) for value in values)
    separator = "|" if "|" in cell else ";"
    return tuple(part.strip() for part in cell.split(separator) if part.strip())


def _names(cell: str) -> dict[str, str]:
    if not cell:
        return {}
    try:
        values = json.loads(cell)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise TaxonomyError(f"names {cell[:60]!r} are no JSON object of texts")
    return {_unicode(key): _unicode(value) for key, value in values.items()}


def _flag(cell: str) -> bool:
    if cell.lower() not in _TRUE | _FALSE:
        raise TaxonomyError(f"{cell[:60]!r} is neither true nor false")
    return cell.lower() in _TRUE


def _unicode(text: str) -> str:
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise TaxonomyError("a lone surrogate, which is no Unicode text")
    return text


def _cells(node: Node, taxonomy: Taxonomy) -> dict[str, str]:
    lists = {key: _joined(getattr(node, key), taxonomy) for key in _LISTS}
    return {
        "id": node.id,
        "name": node.name,
        **lists,
        "names": json.dumps(dict(node.names), ensure_ascii=False) if node.names else "",
        "description": node.description,
        "assignable": "true" if node.assignable else "",
        "deprecated": "true" if node.deprecated else "",
        "replaced_by": node.replaced_by or "",
    }


def _joined(values: Sequence[str], taxonomy: Taxonomy) -> str:
    """Joined by |, or as JSON where a reader would take that apart differently."""
    joined = "|".join(values)
    plain_text = all(value and not set(value) & set("|;") and not value.startswith("[") for value in values)
    misread = joined.lower() in _NO_PARENT or (len(values) > 1 and joined in taxonomy)
    return joined if plain_text and not misread else json.dumps(list(values), ensure_ascii=False) if values else ""


FORMAT = TextFormat("csv", detect, parse, write)
