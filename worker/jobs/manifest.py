"""Manifests: CSV files that name the assets of a submission, one a line."""

import csv
import io
import itertools
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from taxonomy.errors import first_line
from worker.dispatch.queues import checked_tenant
from worker.errors import SubmissionError
from worker.jobs.addresses import asset_uri, checked_key
from worker.jobs.submission import Request

STANDARD_INPUT = Path("-")
_SPOOLED_BYTES = 8 * 2**20  # of standard input, kept in memory; what is longer lies in a temporary file
_MAX_LINE_CHARS = 2**20
_MAX_METADATA_CHARS = 65_536  # of one line
_URI_COLUMNS = ("uri", "image")
_OWN_COLUMNS = ("name", "key", "tenant", "queue")


def read_requests(path: Path) -> Iterator[Request]:
    """The requests of a manifest, yielded after all of it was found sound; it is read twice, and never held in memory.

    Columns: `uri`, or `image` as in labels.csv; `name`, `key`, `tenant` and `queue` where they are not blank; any other
    column is metadata. Relative addresses are relative to the file; the path `-` is standard input. Raises
    SubmissionError, naming file and line.
    """
    base = Path.cwd() if path == STANDARD_INPUT else path.parent
    with _open(path) as stream:
        for _ in _requests(stream, path, base):
            pass
        stream.seek(0)
        yield from _requests(stream, path, base)


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """What can be read twice: a file, or a copy of standard input or of a pipe."""
    try:
        if path == STANDARD_INPUT:
            with _spooled(sys.stdin.buffer) as stream:
                yield stream
            return
        with path.open("rb") as file:
            if file.seekable():
                yield file
                return
            with _spooled(file) as stream:
                yield stream
    except OSError as error:
        raise SubmissionError(first_line(error), source=_shown(path)) from None


@contextmanager
def _spooled(source: BinaryIO) -> Iterator[BinaryIO]:
    with SpooledTemporaryFile(_SPOOLED_BYTES) as spool:
        shutil.copyfileobj(source, spool)
        spool.seek(0)
        yield cast("BinaryIO", spool)


def _requests(stream: BinaryIO, path: Path, base: Path) -> Iterator[Request]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        reader = csv.DictReader(_lines(text, path), strict=True)
        columns = _columns(reader, path)
        for row in reader:
            try:
                yield _request(row, columns, base, reader.line_num)
            except SubmissionError as error:
                raise SubmissionError(str(error), source=_shown(path), line=reader.line_num) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise SubmissionError(first_line(error), source=_shown(path), line=reader.line_num + 1) from None
    finally:
        text.detach()


def _lines(text: io.TextIOWrapper, path: Path) -> Iterator[str]:
    """The lines, none of which is held in memory before it is known to be short."""
    for number in itertools.count(1):
        line = text.readline(_MAX_LINE_CHARS + 1)
        if not line:
            return
        if len(line) > _MAX_LINE_CHARS:
            raise SubmissionError(f"longer than {_MAX_LINE_CHARS} characters", source=_shown(path), line=number)
        yield line


@dataclass(frozen=True, slots=True)
class _Columns:
    uri: str
    own: tuple[str, ...]
    metadata: tuple[str, ...]


def _columns(reader: "csv.DictReader[str]", path: Path) -> _Columns:
    header = list(reader.fieldnames or ())
    uri = next((name for name in _URI_COLUMNS if name in header), None)
    if uri is None:
        what = f"expected a header with 'uri' (or 'image') and perhaps {', '.join(map(repr, _OWN_COLUMNS))}"
        raise SubmissionError(what, source=_shown(path), line=1)
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise SubmissionError(f"two columns are called {twice!r}", source=_shown(path), line=1)
    if any("\0" in name for name in header):
        raise SubmissionError("the name of a column holds a NUL", source=_shown(path), line=1)
    own = tuple(name for name in _OWN_COLUMNS if name in header)
    return _Columns(uri, own, tuple(name for name in header if name and name not in (uri, *own)))


def _request(row: Mapping[str | None, str | list[str] | None], columns: _Columns, base: Path, line: int) -> Request:
    if None in row:
        raise SubmissionError("more cells than the header has columns")
    cells = cast("Mapping[str, str | None]", row)
    if not cells[columns.uri]:
        raise SubmissionError(f"no {columns.uri}")
    own = {name: cells[name] or None for name in columns.own}
    for name in ("name", "key"):
        if value := own.get(name):
            checked_key(value, name)
    if tenant := own.get("tenant"):
        checked_tenant(tenant)
    return Request(
        asset_uri(cells[columns.uri] or "", base),
        key=own.get("key"),
        name=own.get("name"),
        tenant=own.get("tenant"),
        queue=own.get("queue"),
        metadata=_metadata(cells, columns),
        line=line,
    )


def _metadata(cells: Mapping[str, str | None], columns: _Columns) -> dict[str, str] | None:
    """The cells that are not blank; None where there is none."""
    found = {name: value for name in columns.metadata if (value := cells[name])}
    if any("\0" in value for value in found.values()):
        raise SubmissionError("the metadata hold a NUL")
    if sum(map(len, found.values())) > _MAX_METADATA_CHARS:
        raise SubmissionError(f"more than {_MAX_METADATA_CHARS} characters of metadata")
    return found or None


def _shown(path: Path) -> str | Path:
    return "standard input" if path == STANDARD_INPUT else path
