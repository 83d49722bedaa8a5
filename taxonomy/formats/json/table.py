"""JSON lists of flat objects that are rows of a table: levels (`kingdom`, `class`, ...) or a path in each."""

import csv
from io import StringIO
from typing import Any

from taxonomy.errors import TaxonomyError
from taxonomy.formats.json.text import load_json, try_json
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.tables import path_column, tiers
from taxonomy.formats.tables.delimited import find_header
from taxonomy.formats.tables.levels import level_columns
from taxonomy.formats.vocabulary import is_parent, path_strength, plain
from taxonomy.graph import Taxonomy

_MAX_KEYS = 100


def detect(text: str) -> float:
    """How well the rows fit a table of levels or of paths."""
    return score(try_json(text))


def score(value: Any) -> float:
    """How well rows fit, in [0, 1]."""
    table = _table(value)
    if table is None:
        return 0.0
    return tiers.detect(table) if find_header(table, level_columns) is not None else path_column.detect(table)


def parse(text: str, source: str) -> Taxonomy:
    """Build the tree. Raises TaxonomyError."""
    return taxonomy_of_rows(load_json(text, source), source)


def taxonomy_of_rows(value: Any, source: str) -> Taxonomy:
    """Build the tree of a list of flat objects. Raises TaxonomyError."""
    table = _table(value)
    if table is None:
        raise TaxonomyError("expected a list of flat objects", source=source)
    if find_header(table, level_columns) is not None:
        return tiers.parse(table, source)
    return path_column.parse(table, source)


def _table(value: Any) -> str | None:
    """The rows as comma-separated text; None for anything but flat objects without parents."""
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) for row in value):
        return None
    keys = list(dict.fromkeys(key for row in value[:1000] for key in row))
    if len(keys) == 1 and path_strength(plain(keys[0])):
        keys.append("count")  # a table has two columns
    if not 1 < len(keys) <= _MAX_KEYS or any(is_parent(plain(key)) for key in keys):
        return None
    if any(isinstance(each, (list, dict)) for row in value for each in row.values()):
        return None
    stream = StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows([_cell(row.get(key)) for key in keys] for row in value)
    return stream.getvalue()


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


FORMAT = TextFormat("json-table", detect, parse)
