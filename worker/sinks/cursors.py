"""How far each sink has come, and whose turn it is to tell it: the rows of `sinks`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, select, update

from worker import backoff
from worker.db.engine import Database
from worker.db.statements.counts import count_up_to
from worker.db.statements.rows import insert_into
from worker.db.tables import EventRow, SinkRow
from worker.db.transaction import Transaction
from worker.errors import LookupFailedError
from worker.telemetry.redaction import safe_message

_FAR = 10  # times as long as a lease: what lies beyond was written by a clock that has been set back since
_LONGEST = 7  # failures in a row after which the wait doubles no more: about a minute with the default
_MAX_MESSAGE_CHARS = 500


@dataclass(frozen=True, slots=True)
class Lease:
    """One worker's right to tell a sink what comes after the cursor."""

    sink: str
    owner: str
    cursor: int


def register(tx: Transaction, sink: str) -> None:
    """Make a sink known; a new one is told every event that is still kept."""
    fresh = {"name": sink, "cursor": 0, "failures": 0}
    tx.execute(insert_into(tx, SinkRow).values(fresh).on_conflict_do_nothing())


def find_sink(tx: Transaction, sink: str) -> SinkRow:
    """The row of a sink. Raises LookupFailedError."""
    row = tx.get(SinkRow, sink)
    if row is None:
        raise LookupFailedError(f"no sink is known as {sink!r}")
    return row


def is_free(row: SinkRow, owner: str, now: datetime, lease_s: float) -> bool:
    """Whether this owner may tell the sink now: nobody else holds it, and no wait after a failure is left."""
    lease, wait = _FAR * timedelta(seconds=lease_s), 2 * timedelta(seconds=backoff.LONGEST_S)
    is_held = row.owner != owner and _is_ahead(row.lease_until, now, lease)
    return not is_held and not _is_ahead(row.retry_at, now, wait)


def take_lease(tx: Transaction, sink: str, owner: str, lease_s: float) -> Lease | None:
    """The lease of a sink that is free, for `lease_s` from now on; None if it is not. Raises LookupFailedError."""
    tx.execute(select(SinkRow.name).where(SinkRow.name == sink).with_for_update()).all()
    row, now = find_sink(tx, sink), tx.now()
    if not is_free(row, owner, now, lease_s):
        return None
    row.owner, row.lease_until = owner, now + timedelta(seconds=lease_s)
    return Lease(sink, owner, row.cursor)


def advance(tx: Transaction, lease: Lease, cursor: int, lease_s: float) -> Lease | None:
    """Remember that the sink was told all up to the cursor; None where somebody else has it by now."""
    now = tx.now()
    told = {"cursor": cursor, "delivered_at": now, "lease_until": now + timedelta(seconds=lease_s)}
    moved = update(SinkRow).where(*_is_mine(lease)).values(**told, failures=0, retry_at=None, message=None)
    return Lease(lease.sink, lease.owner, cursor) if tx.scalar(moved.returning(SinkRow.name)) else None


def fail(tx: Transaction, lease: Lease, message: str, base_s: float) -> None:
    """Let the sink be tried again, by anybody, after a wait that doubles with each failure in a row."""
    failures = tx.scalar(select(SinkRow.failures).where(*_is_mine(lease)).with_for_update())
    if failures is None:
        return
    wait_s = backoff.wait_s(min(failures + 1, _LONGEST), base_s)
    said = safe_message(message)[:_MAX_MESSAGE_CHARS]
    later = {"failures": failures + 1, "retry_at": tx.now() + timedelta(seconds=wait_s), "message": said}
    tx.execute(update(SinkRow).where(*_is_mine(lease)).values(**later, owner=None, lease_until=None))


def give_up_leases(database: Database, owner: str) -> None:
    """Let others tell the sinks that this owner has been telling."""
    with database.write() as tx:
        tx.execute(update(SinkRow).where(SinkRow.owner == owner).values(owner=None, lease_until=None))


def list_sinks(tx: Transaction) -> list[dict[str, Any]]:
    """All sinks that are known: what waits for each, up to 10,000 events, for how long, and what went wrong last."""
    now = tx.now()
    return [
        {
            "sink": row.name,
            "cursor": row.cursor,
            "waiting": count_up_to(tx, _waiting(row)),
            "lag_s": round(lag_s(tx, row, now), 1),
            "failures": row.failures,
            "message": row.message,
            "retry_at": row.retry_at.isoformat() if row.retry_at else None,
            "delivered_at": row.delivered_at.isoformat() if row.delivered_at else None,
            "worker": row.owner,
        }
        for row in tx.scalars(select(SinkRow).order_by(SinkRow.name))
    ]


def read_lags(tx: Transaction) -> dict[str, float]:
    """For how long the first event that each sink was not told has been waiting, in seconds; 0 where there is none."""
    now = tx.now()
    return {row.name: lag_s(tx, row, now) for row in tx.scalars(select(SinkRow))}


def lag_s(tx: Transaction, row: SinkRow, now: datetime) -> float:
    """Seconds since the first event that a sink was not told."""
    first = tx.scalar(_waiting(row).with_only_columns(EventRow.created_at).order_by(EventRow.id).limit(1))
    return max(0.0, (now - first).total_seconds()) if first else 0.0


def forget_sink(database: Database, sink: str) -> None:
    """Forget how far a sink has come, so that no event is kept for it. Raises LookupFailedError."""
    with database.write() as tx:
        if tx.scalar(delete(SinkRow).where(SinkRow.name == sink).returning(SinkRow.name)) is None:
            raise LookupFailedError(f"no sink is known as {sink!r}")


def _waiting(row: SinkRow) -> Select[int]:
    return select(EventRow.id).where(EventRow.id > row.cursor)


def _is_mine(lease: Lease) -> tuple[Any, ...]:
    return SinkRow.name == lease.sink, SinkRow.owner == lease.owner, SinkRow.cursor == lease.cursor


def _is_ahead(moment: datetime | None, now: datetime, longest: timedelta) -> bool:
    return moment is not None and now < moment <= now + longest
