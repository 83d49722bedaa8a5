"""The events outbox: record what happened in the transaction that makes it happen, and read it in order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from worker.db.statements.rows import insert_rows
from worker.db.tables import EventRow
from worker.db.transaction import Transaction
from worker.states import EventKind

_COLUMNS = ("kind", "tenant_id", "job_id", "batch_id", "details", "created_at")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, by the numbers of the rows that it happened to.

    details: a few words of JSON that no row has, and nothing personal, as they outlive the deletion of an asset.
    """

    kind: EventKind
    tenant_id: int
    job_id: int | None = None
    batch_id: int | None = None
    details: Mapping[str, Any] | None = field(default=None, hash=False)


def record_events(tx: Transaction, events: Sequence[Event], at: datetime | None = None) -> None:
    """Write events in the caller's transaction, all at once and in this order; `at` is the time, by default now."""
    if not events:
        return
    now = at or tx.now()
    if tx.is_sqlite:
        tx.execute(insert(EventRow), [dict(zip(_COLUMNS, _values(event, now), strict=True)) for event in events])
        return
    rows = ((*words, _as_text(details), when) for *words, details, when in (_values(event, now) for event in events))
    insert_rows(tx, EventRow, _COLUMNS, rows)


def events_between(tx: Transaction, after: int, up_to: int, limit: int) -> list[EventRow]:
    """The first events of ids in (after, up_to], in the order of their ids."""
    query = select(EventRow).where(EventRow.id > after, EventRow.id <= up_to)
    return list(tx.scalars(query.order_by(EventRow.id).limit(limit)))


def _values(event: Event, now: datetime) -> tuple[Any, ...]:
    """In the order of _COLUMNS."""
    details = None if event.details is None else dict(event.details)
    return event.kind, event.tenant_id, event.job_id, event.batch_id, details, now


def _as_text(details: dict[str, Any] | None) -> str | None:
    return None if details is None else json.dumps(details)
