"""Records as lines of JSON or CSV, one after the other as they are read."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from taxonomy import CladistError
from worker.audit.records import FIELDS, time_text
from worker.db.engine import Database
from worker.db.statements.audit_rows import select_records, select_records_of
from worker.db.transaction import Transaction

COLUMNS = ("id", "kind", "hash", *FIELDS)
_PAGE = 2000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class ExportError(CladistError):
    """A record that cannot be exported as what it was written."""


class Row(NamedTuple):
    """A record as it lies in the table."""

    id: int
    kind: str
    content: str
    hash: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Which records: one tenant's, and those of a time; None does not restrict."""

    tenant: int | None = None
    since: datetime | None = None
    until: datetime | None = None  # exclusive


def chosen_rows(database: Database, choice: Choice) -> Iterator[Row]:
    """The records by id, page by page, each page in a transaction of its own.

    Raises ExportError on one that is not what its hash says, or that no record could be.
    """
    after, is_chosen = 0, _by_time(choice)
    while True:
        with database.read() as tx:
            page = _page(tx, choice, after)
        if not page:
            return
        for row in page:
            _require_sound(row)
            if is_chosen(row.content):
                yield row
        after = page[-1].id


def _require_sound(row: Row) -> None:
    try:
        is_sound = sha256(row.content.encode()).hexdigest() == row.hash and isinstance(
            json.loads(row.content)["at"], str
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        is_sound = False
    if not is_sound:
        raise ExportError(f"record {row.id} was changed: see `cladist audit verify`")


def json_lines(rows: Iterable[Row]) -> Iterator[str]:
    """One object a record; `content` is the very text whose SHA-256 is `hash`."""
    for row in rows:
        yield f'{{"id":{row.id},"kind":{json.dumps(row.kind)},"hash":"{row.hash}","content":{row.content}}}\n'


def csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """A header and one line a record; what a spreadsheet would take for a formula gets an apostrophe before it."""
    line = io.StringIO()
    writer = csv.writer(line)  # lines end as RFC 4180 has it, so that a CR or LF inside of a cell is quoted
    writer.writerow(COLUMNS)
    yield line.getvalue()
    for row in rows:
        line.seek(0)
        line.truncate()
        found: dict[str, Any] = {**json.loads(row.content), "id": row.id, "kind": row.kind, "hash": row.hash}
        writer.writerow([_cell(found.get(column)) for column in COLUMNS])
        yield line.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _page(tx: Transaction, choice: Choice, after: int) -> list[Row]:
    if choice.tenant is None:
        query = select_records(Row._fields, after=after, limit=_PAGE)
    else:
        query = select_records_of(tx, choice.tenant, Row._fields, after=after, limit=_PAGE)
    return [Row(*each) for each in tx.execute(query)]


def _by_time(choice: Choice) -> Callable[[str], bool]:
    """Whether a content is of the chosen time; texts of times compare as they do."""
    if choice.since is None and choice.until is None:
        return lambda _content: True
    since = time_text(choice.since) if choice.since else ""
    until = time_text(choice.until) if choice.until else "~"
    return lambda content: since <= json.loads(content)["at"] < until
