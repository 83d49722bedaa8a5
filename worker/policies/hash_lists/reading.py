"""Read files of hashes, line by line and within bounds: CSV, one hash a line, JSON Lines, and JSON documents."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from taxonomy.errors import first_line
from worker.errors import HashListError
from worker.policies.hash_lists.entries import PDQ, SHA256, Collector, Hashes, digest_of
from worker.policies.hash_lists.json_documents import json_entries

MAX_LINE_BYTES = 2**20
_MAX_FIELD_CHARS = 2**17

_HASH_NAMES = ("hash", "hash_value", "raw_indicator", "indicator", "signal_value", "signal", "value")
_KIND_NAMES = ("type", "kind", "hash_type", "signal_type", "algorithm")
_KINDS_BY_NAME = {"pdq": PDQ, "pdq_hash": PDQ, "sha256": SHA256, "sha_256": SHA256, "sha256_hash": SHA256}
_SEPARATORS = ",;\t"
_BOM = "\ufeff"


def read_hashes(path: Path) -> Hashes:
    """The hashes of a file. Raises HashListError with file and line, and how many lines are broken.

    CSV needs a column named hash (or indicator, value, ...) with one named type or kind beside it, or columns named pdq
    and sha256; a single column needs no name. JSON is an array, an object with an array `data`, or an object a line.
    """
    collector = Collector()
    try:
        with path.open("rb") as stream:
            _read(stream, collector, path)
    except OSError as error:
        raise HashListError(first_line(error), source=path) from None
    return collector.hashes(path)


def _read(stream: BinaryIO, collector: Collector, path: Path) -> None:
    start = stream.readline(MAX_LINE_BYTES).decode("utf-8", "replace").lstrip(_BOM).strip()
    while not start and stream.peek(1):  # type: ignore[attr-defined] # a BufferedReader has it
        start = stream.readline(MAX_LINE_BYTES).decode("utf-8", "replace").strip()
    stream.seek(0)
    if not start.startswith(("{", "[")):
        _read_table(_Lines(stream, collector), collector, path)
    elif _is_an_entry(start):
        _read_json_lines(_Lines(stream, collector), collector)
    else:
        for line, entry in json_entries(stream, path):
            _take_entry(entry, collector, line)


class _Lines:
    """The lines of a file as text; one that is too long is broken, and never held in memory. `number`: of the last."""

    def __init__(self, stream: BinaryIO, collector: Collector) -> None:
        self._stream = stream
        self._collector = collector
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(MAX_LINE_BYTES):
            self.number += 1
            if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                self._collector.refuse(self.number, f"a line of {MAX_LINE_BYTES} bytes or more")
                self._pass_over_the_rest()
            else:
                text = line.decode("utf-8", "replace")
                yield text.removeprefix(_BOM) if self.number == 1 else text

    def _pass_over_the_rest(self) -> None:
        while (more := self._stream.readline(MAX_LINE_BYTES)) and not more.endswith(b"\n"):
            pass


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where a row has what; `by_kind` are columns of one kind each."""

    hash: int | None = None
    kind: int | None = None
    by_kind: tuple[tuple[str, int], ...] = ()

    @property
    def is_header(self) -> bool:
        """Whether a column of hashes was named."""
        return self.hash is not None or bool(self.by_kind)

    def take(self, row: Sequence[str], collector: Collector, line: int) -> None:
        """The hashes of a row; a blank cell of a column of one kind is none."""
        wanted: list[tuple[str | None, str]] = [
            (kind, row[at]) for kind, at in self.by_kind if at < len(row) and row[at].strip()
        ]
        if self.hash is not None:
            kind = row[self.kind] if self.kind is not None and self.kind < len(row) else None
            wanted.append((kind or None, row[self.hash] if self.hash < len(row) else ""))
        elif not wanted:
            collector.refuse(line, "a row without a hash")
        for kind, text in wanted:
            collector.take(kind, text, line)


_BARE = _Columns(hash=0)


@lru_cache(maxsize=64)
def _columns(row: tuple[str, ...]) -> _Columns:
    names = [_plain_name(cell) for cell in row]
    by_kind = tuple((_KINDS_BY_NAME[name], at) for at, name in enumerate(names) if name in _KINDS_BY_NAME)
    return _Columns(_place(names, _HASH_NAMES) if not by_kind else None, _place(names, _KIND_NAMES), by_kind)


def _read_table(lines: _Lines, collector: Collector, path: Path) -> None:
    columns: _Columns | None = None
    for row in _rows(lines, collector):
        if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
            continue
        if columns is None:
            columns = _columns(tuple(row))
            if columns.is_header and not any(map(digest_of, row)):
                continue
            if len(row) > 1:
                what = "no column is named hash, pdq or sha256, as the first line of a table must say"
                raise HashListError(what, source=path, line=lines.number)
            columns = _BARE
        columns.take(row, collector, lines.number)


def _rows(lines: _Lines, collector: Collector) -> Iterator[list[str]]:
    """The rows of a table; one that csv cannot read is broken."""
    texts = iter(lines)
    first = next(texts, "")
    separator = max(_SEPARATORS, key=first.count)
    csv.field_size_limit(_MAX_FIELD_CHARS)  # of the process: whoever reads other tables sets its own
    reader = csv.reader(chain([first], texts), delimiter=separator, strict=True)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            collector.refuse(lines.number, str(error))


def _read_json_lines(lines: _Lines, collector: Collector) -> None:
    for text in lines:
        if not text.strip():
            continue
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError) as error:
            collector.refuse(lines.number, f"no JSON: {first_line(error)}")
        else:
            _take_entry(entry, collector, lines.number)


def _is_an_entry(line: str) -> bool:
    """Whether a first line is one whole entry, so that each line is."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and not isinstance(found.get("data"), list)


def _take_entry(entry: Any, collector: Collector, line: int) -> None:
    """One entry of a JSON file: an object with a hash and its kind, or the hash alone."""
    if isinstance(entry, str):
        collector.take(None, entry, line)
        return
    if not isinstance(entry, dict):
        collector.refuse(line, "an entry that is neither an object nor a text")
        return
    columns = _columns(tuple(entry))
    cells = [_cell(value) for value in entry.values()]
    if columns.is_header:
        columns.take(cells, collector, line)
    else:
        collector.refuse(line, "an entry without a hash")


def _cell(value: Any) -> str:
    """A value as a table has it; an indicator may be an object of its own, as descriptors have it."""
    if isinstance(value, Mapping):
        value = value.get("indicator")
    return value if isinstance(value, str) else ""


def _place(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _plain_name(cell: str) -> str:
    return cell.strip().casefold().replace("-", "_").replace(" ", "_")
