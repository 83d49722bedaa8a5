"""CSV or TSV with a header that titles a parent column: one row a node; and what Cladist writes.

A node is named by an id, a name, or a child column; the parent column holds what the others are called by. Several
parents stand in one cell, joined by `|` or `;`, or in rows of their own that repeat id and name. IAB's content
taxonomies are such files: two header rows, a `Parent` column, and tier columns that say the same once more. Theirs have
siblings of one name (Antarctica, twice, in 2.2): in a file with tier columns the second is named `Antarctica (1227)`,
with the shared name as an alias. Elsewhere such siblings are refused.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from typing import Any

from taxonomy.errors import TaxonomyError, located
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.records import Record, link, own_parents_dropped
from taxonomy.formats.tables import tiers
from taxonomy.formats.tables.delimited import Header, Row, find_header, read_rows, sample_rows
from taxonomy.formats.tables.formulas import guarded, unguarded
from taxonomy.formats.vocabulary import NO_PARENT, edge_columns, field_columns
from taxonomy.graph import Node, Taxonomy, tidy

Columns = Mapping[str, int]

_FIELDS = (
    "id",
    "name",
    "parents",
    "aliases",
    "names",
    "description",
    "assignable",
    "deprecated",
    "replaced_by",
    "part_of",
)
_LISTS = ("parents", "aliases", "part_of")
_TRUE, _FALSE = frozenset({"true", "yes", "1", "x", "t", "y"}), frozenset({"", "false", "no", "0", "f", "n"})
_SCORE, _EMPTY_SCORE = 0.9, 0.2  # the lower one for a parent column without a parent


def detect(text: str) -> float:
    """Whether one of the first rows titles a parent column and a node's."""
    header = find_header(text, _columns)
    if header is None:
        return 0.0
    rows = [row for row in sample_rows(text, header.delimiter) if row.line > header.line]
    named = any(row.cell(header.columns["parents"]).casefold() not in NO_PARENT for row in rows)
    return _SCORE if named or len(header.titles) <= len(header.columns) else _EMPTY_SCORE


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError, with the line, on a missing header or a cell that cannot be read."""
    header = find_header(text, _columns)
    if header is None:
        raise TaxonomyError("expected a header with the columns id, name and parent", source=source, line=1)
    rows = [_whole(row) for row in read_rows(text, source, header.delimiter) if row.line > header.line]
    known = {
        tidy(row.cell(header.columns[field])) for row in rows for field in ("id", "name") if field in header.columns
    }
    records = list(_records(rows, header, known, source))
    nodes = link(own_parents_dropped(records), source)
    return Taxonomy(_told_apart(nodes) if tiers.detect_header(text) else nodes, source)


def write(taxonomy: Taxonomy) -> str:
    """CSV that reads back as the same release, without a formula; columns that no node needs are left out."""
    table = [_cells(node, taxonomy) for node in taxonomy]
    always = ("id", "name", "parents")
    columns = [*always, *(key for key in _FIELDS if key not in always and any(row[key] for row in table))]
    stream = StringIO(newline="")
    writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: guarded(cell) for key, cell in row.items()} for row in table)
    return stream.getvalue()


def _whole(row: Row) -> Row:
    return row._replace(cells=[unguarded(cell) for cell in row.cells])


def _columns(titles: tuple[str, ...]) -> Columns | None:
    edges = edge_columns(titles)
    if edges is not None:
        found = dict(field_columns(titles))
        parent, child = edges
        others = {
            field: place for field, place in found.items() if place not in edges and field not in ("id", "name", "path")
        }
        return {**others, "name": child, "parents": parent}
    found = {field: place for field, place in field_columns(titles).items() if field not in ("path", "child")}
    if "parents" in found and ({"id", "name"} & found.keys()):
        return found
    return None


def _records(rows: Sequence[Row], header: Header[Columns], known: set[str], source: str) -> Iterator[Record]:
    for row in rows:
        if row.cells[0].startswith("#") and not any(row.cells[1:]):
            continue
        with located(source, row.line):
            record = _record(row, header, known)
        yield record


def _record(row: Row, header: Header[Columns], known: set[str]) -> Record:
    width = len(header.titles)
    if len(row.cells) > width and any(row.cells[width:]):
        raise TaxonomyError(f"{len(row.cells)} fields, more than the header's {width}")
    cells = {field: row.cell(place) for field, place in header.columns.items()}
    fields: dict[str, Any] = {
        "aliases": _list(cells.get("aliases", ""), frozenset()),
        "names": _names(cells.get("names", "")),
        "description": cells.get("description", ""),
        "assignable": _flag(cells.get("assignable", "")),
        "deprecated": _flag(cells.get("deprecated", "")),
        "replaced_by": cells.get("replaced_by") or None,
        "part_of": _list(cells.get("part_of", ""), known),
    }
    name = cells.get("name", cells.get("id", ""))
    keys = {str(place): cell for place, cell in enumerate(row.cells) if place != header.columns["parents"]}
    return Record(cells.get("id", ""), name, _list(cells["parents"], known), fields, row.line, keys=keys)


def _told_apart(nodes: Sequence[Node]) -> Iterator[Node]:
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
    if cell.startswith("["):
        try:
            values = json.loads(cell)
        except (ValueError, RecursionError):
            values = None
        if isinstance(values, list) and all(isinstance(value, (str, int)) for value in values):
            return tuple(_unicode(str(value)) for value in values)
    separator = "|" if "|" in cell else ";"
    parts = tuple(part.strip() for part in cell.split(separator) if part.strip())
    commas = tuple(part.strip() for part in cell.split(",") if part.strip())
    return commas if len(commas) > 1 and set(map(tidy, commas)) <= known else parts


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
    plain_text = all(value and not set(value) & set("|;,") and not value.startswith("[") for value in values)
    misread = joined.lower() in NO_PARENT or (len(values) > 1 and joined in taxonomy)
    return joined if plain_text and not misread else json.dumps(list(values), ensure_ascii=False) if values else ""


FORMAT = TextFormat("csv", detect, parse, write)
