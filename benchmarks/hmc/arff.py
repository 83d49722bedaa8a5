"""ARFF files with a hierarchical class: feature tables for hierarchical multi-label classification.

The class attribute lists a tree by its paths (`01,01/01,01/01/03`) or a DAG by its edges (`root/a,a/b,root/b`): it is
a DAG when every class is one edge and `root` is a parent. A row names its nodes joined by `@`, by path or by id.

Numbers stay numbers, `?` is NaN; a nominal attribute becomes one column a value (1 where the row has it, all 0 where it
is missing); `string` and `key` attributes are identifiers and left out. Rows may be sparse (`{3 1, 7 b}`), and a `%`
starts a comment. `nan` and `inf` as text are refused. Source: the ARFF of Weka, as extended by Clus.
"""

import gzip
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taxonomy import CladistError, Node, Taxonomy, TaxonomyError
from taxonomy.arrays import Floats
from taxonomy.errors import first_line, located
from taxonomy.graph import tidy

_ATTRIBUTE = re.compile(r"""@attribute\s+('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\S+)\s+(\w+|{)(.*)""", re.IGNORECASE)
_CELL = re.compile(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,%]*?)\s*(,|%|$)""")
_NUMERIC = {"numeric", "real", "integer"}
_SKIPPED = {"hierarchical", "string", "key"}  # the class, and identifiers
_ROOT = "root"
_MISSING = "?"


class TableError(CladistError):
    """A feature table that cannot be used; the message names file and line."""


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of one file. features: (S, F) float64, NaN where a number is missing; columns: F names.

    labels: for each row the ids of its nodes, as written, without their ancestors.
    """

    source: str
    columns: tuple[str, ...]
    features: Floats
    labels: tuple[tuple[str, ...], ...]
    taxonomy: Taxonomy

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class _Attribute:
    """values: of a nominal attribute, in order; None for a number. The class and identifiers are `skipped`."""

    name: str
    values: tuple[str, ...] | None = None
    skipped: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        if self.skipped:
            return ()
        return (self.name,) if self.values is None else tuple(f"{self.name}={value}" for value in self.values)


def read_arff(path: str | Path) -> Table:
    """Read a file, plain or gzipped. Raises TableError, naming file and line, on anything that does not fit."""
    source = str(path)
    lines = _lines(Path(path))
    attributes, classes, class_at = _header(lines, source)
    taxonomy = _taxonomy(classes, source)
    columns = tuple(column for attribute in attributes for column in attribute.columns)
    encoder = _RowEncoder(attributes, len(columns))
    rows, labels = [], []
    for number, line in lines:
        with located(source, number):
            cells = encoder.cells(line)
            rows.append(encoder.features(cells))
            labels.append(_labels(cells[class_at], taxonomy))
    if not rows:
        raise TableError("no row after @data", source=source)
    return Table(source, columns, np.stack(rows), tuple(labels), taxonomy)


class _RowEncoder:
    """From the text of a row to its features."""

    def __init__(self, attributes: Sequence[_Attribute], width: int) -> None:
        self._attributes = attributes
        self._width = width
        starts = np.cumsum([0, *(len(attribute.columns) for attribute in attributes)])
        self._numbers = [at for at, kind in enumerate(attributes) if kind.values is None and not kind.skipped]
        self._number_columns = starts[self._numbers]
        self._nominals = [
            (at, {value: int(start) + offset for offset, value in enumerate(kind.values)})
            for at, (kind, start) in enumerate(zip(attributes, starts, strict=False))
            if kind.values is not None
        ]

    def cells(self, line: str) -> list[str]:
        """One text for each attribute, from a dense or a sparse row."""
        if line.startswith("{"):
            return self._sparse_cells(line)
        cells = _split(line)
        if len(cells) != len(self._attributes):
            raise TableError(f"{len(cells)} values for {len(self._attributes)} attributes")
        return cells

    def features(self, cells: Sequence[str]) -> Floats:
        """(F,) the row's columns."""
        row = np.zeros(self._width)
        row[self._number_columns] = [self._number(at, cells[at]) for at in self._numbers]
        for at, columns in self._nominals:
            column = columns.get(cells[at])
            if column is not None:
                row[column] = 1.0
            elif cells[at] != _MISSING:
                raise TableError(f"{cells[at]!r} is no value of attribute {self._attributes[at].name!r}")
        return row

    def _number(self, at: int, cell: str) -> float:
        if cell == _MISSING:
            return math.nan
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise TableError(f"attribute {self._attributes[at].name!r}: {cell!r} is not a finite number")
        return value

    def _sparse_cells(self, line: str) -> list[str]:
        """What a sparse row leaves out is 0, or the first value of a nominal attribute."""
        body, brace, _ = line[1:].rpartition("}")
        cells = [kind.values[0] if kind.values else "0" for kind in self._attributes]
        for pair in _split(body) if body.strip() else []:
            at, _, value = pair.partition(" ")
            if not at.isdecimal() or int(at) >= len(cells) or not value.strip():
                raise TableError(f"{pair!r} is not an attribute's number and a value")
            cells[int(at)] = _unquoted(value.strip())
        if not brace:
            raise TableError("a sparse row without its closing brace")
        return cells


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines that are neither blank nor a comment; UTF-8, or else Latin-1."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(first_line(error), source=path) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("%"):
            yield number, stripped


def _header(lines: Iterator[tuple[int, str]], source: str) -> tuple[list[_Attribute], list[str], int]:
    """(attributes, classes as written, position of the class attribute); reads `lines` up to and with @data."""
    attributes: list[_Attribute] = []
    classes: list[str] = []
    class_at = -1
    for number, line in lines:
        keyword = line.split(None, 1)[0].lower()
        if keyword == "@data":
            if not classes:
                raise TableError("no hierarchical attribute with classes", source=source)
            return attributes, classes, class_at
        if keyword == "@relation":
            continue
        with located(source, number):
            name, kind, values = _declaration(line)
            if kind == "hierarchical":
                if classes:
                    raise TableError(f"a second hierarchical attribute, {name!r}")
                classes, class_at = values.split(","), len(attributes)
            attributes.append(_attribute(name, kind, values))
    raise TableError("no @data", source=source)


def _declaration(line: str) -> tuple[str, str, str]:
    """(name, kind in lower case or "{", what follows the kind) of an @attribute line."""
    found = _ATTRIBUTE.fullmatch(line)
    if not found:
        raise TableError(f"{line[:60]!r} is neither @relation, @attribute nor @data")
    return _unquoted(found[1]), found[2].lower(), found[3].strip()


def _attribute(name: str, kind: str, values: str) -> _Attribute:
    if kind == "{" and values.endswith("}"):
        return _Attribute(name, tuple(dict.fromkeys(_split(values[:-1]))))
    if kind not in _NUMERIC | _SKIPPED:
        raise TableError(f"attribute {name!r} is of unknown kind {f'{kind} {values}'[:40].strip()!r}")
    return _Attribute(name, skipped=kind in _SKIPPED)


def _taxonomy(classes: Sequence[str], source: str) -> Taxonomy:
    paths = {_parts(text) for text in classes}
    is_dag = all(len(path) == 2 for path in paths) and any(path[0] == _ROOT for path in paths)
    try:
        return Taxonomy(_dag_nodes(paths) if is_dag else _tree_nodes(paths), source)
    except TaxonomyError as error:
        raise TableError.of(error) from None


def _dag_nodes(edges: set[tuple[str, ...]]) -> Iterator[Node]:
    parents: dict[str, list[str]] = {}
    for parent, child in edges:
        parents.setdefault(parent, [])
        parents.setdefault(child, []).append(parent)
    return (Node(node_id, node_id, tuple(above)) for node_id, above in parents.items())


def _tree_nodes(paths: set[tuple[str, ...]]) -> Iterator[Node]:
    whole = {path[:length] for path in paths for length in range(1, len(path) + 1)}
    return (Node("/".join(path), path[-1], ("/".join(path[:-1]),) if path[1:] else ()) for path in whole)


def _labels(cell: str, taxonomy: Taxonomy) -> tuple[str, ...]:
    labels = tuple("/".join(_parts(label)) for label in cell.split("@"))
    unknown = [label for label in labels if label not in taxonomy]
    if unknown:
        raise TableError(f"{unknown[0]!r} is none of the classes")
    return labels


def _parts(text: str) -> tuple[str, ...]:
    return tuple(tidy(part) for part in text.split("/"))


def _split(text: str) -> list[str]:
    """The comma-separated cells of a text, unquoted, up to a comment."""
    if "'" not in text and '"' not in text:
        return [cell.strip() for cell in text.partition("%")[0].split(",")]
    cells, position, more = [], 0, ","
    while more == "," and (found := _CELL.match(text, position)):
        cells.append(_unquoted(found[1]))
        position, more = found.end(), found[2]
    return cells


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if quoted else text
