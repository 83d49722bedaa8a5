"""The queues of jobs and the tenants that share them: find, make, change, pause, show."""

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from sqlalchemy import select, update

from worker.db.engine import Database
from worker.db.statements.counts import count_up_to
from worker.db.statements.rows import insert_into
from worker.db.statements.waiting_jobs import waiting_in
from worker.db.tables import DEFAULT_QUEUE, DEFAULT_TENANT, QueueRow, TenantRow
from worker.db.transaction import Transaction
from worker.errors import LookupFailedError, SubmissionError

_MAX_TENANT_CHARS = 256


@dataclass(frozen=True, slots=True)
class Destination:
    """Where jobs are submitted to."""

    queue: str = DEFAULT_QUEUE
    tenant: str = DEFAULT_TENANT


DEFAULT_DESTINATION = Destination()


@dataclass(frozen=True, slots=True)
class Terms:
    """What a queue is to be from now on; None leaves as it is. A rate of 0 is no limit."""

    priority: int | None = None  # the highest is published first
    weight: float | None = None  # share among queues of one priority, above 0
    rate_per_s: float | None = None  # jobs published in a second at most, by all relays together


def find_queue(tx: Transaction, name: str) -> QueueRow:
    """The queue of that name. Raises LookupFailedError."""
    row = tx.scalar(select(QueueRow).where(QueueRow.name == name))
    if row is None:
        raise LookupFailedError(f"no queue is named {name!r}: run `cladist queues set {name}` to make it")
    return row


def tenant_number(tx: Transaction, name: str) -> int:
    """The number of a tenant, who is made known by his first job. Raises SubmissionError on a name that is none."""
    known = select(TenantRow.id).where(TenantRow.name == checked_tenant(name))
    found = tx.scalar(known)
    if found is not None:
        return found
    tx.execute(insert_into(tx, TenantRow).values(name=name).on_conflict_do_nothing())
    return tx.scalars(known).one()


def checked_tenant(name: str) -> str:
    """A name that a tenant may have. Raises SubmissionError."""
    if not name.strip() or len(name) > _MAX_TENANT_CHARS or not _is_text(name):
        raise SubmissionError(f"{name[:80]!r} is no name of a tenant: 1 to {_MAX_TENANT_CHARS} characters")
    return name


def find_tenant(tx: Transaction, name: str) -> int:
    """The number of a tenant. Raises LookupFailedError."""
    found = tx.scalar(select(TenantRow.id).where(TenantRow.name == name))
    if found is None:
        raise LookupFailedError(f"no tenant is named {name!r}")
    return found


def set_queue(database: Database, name: str, terms: Terms) -> dict[str, Any]:
    """Change a queue, made first if there is none of that name; return what it is now.

    Raises SubmissionError on a number that no share or rate can be computed with.
    """
    changes = {key: value for key, value in asdict(terms).items() if value is not None}
    if not all(isfinite(value) for value in changes.values()):
        raise SubmissionError(f"queue {name}: its numbers must be finite")
    if "rate_per_s" in changes:
        changes["rate_per_s"] = changes["rate_per_s"] or None
    with database.write() as tx:
        fresh = {"name": name, "priority": 0, "weight": 1.0, "paused": False, "tokens": 0.0, "served": 0.0}
        made = insert_into(tx, QueueRow).values({**fresh, "cursor_tenant": 0})
        tx.execute(made.on_conflict_do_nothing())
        if changes:
            tx.execute(update(QueueRow).where(QueueRow.name == name).values(changes))
        return _as_dict(tx, find_queue(tx, name))


def pause_queue(database: Database, name: str, *, paused: bool) -> dict[str, Any]:
    """Publish nothing of a queue any more, or again. When this returns, no relay is in the middle of it.

    Raises LookupFailedError.
    """
    with database.write() as tx:
        tx.execute(update(QueueRow).where(QueueRow.name == name).values(paused=paused))
        return _as_dict(tx, find_queue(tx, name))


def list_queues(tx: Transaction) -> list[dict[str, Any]]:
    """All queues, those that are published first before the others."""
    rows = tx.scalars(select(QueueRow).order_by(QueueRow.priority.desc(), QueueRow.name))
    return [_as_dict(tx, row) for row in rows]


def _is_text(name: str) -> bool:
    try:
        return b"\0" not in name.encode()
    except UnicodeEncodeError:
        return False


def _as_dict(tx: Transaction, row: QueueRow) -> dict[str, Any]:
    return {
        "queue": row.name,
        "priority": row.priority,
        "weight": row.weight,
        "rate_per_s": row.rate_per_s,
        "paused": row.paused,
        "waiting": count_up_to(tx, waiting_in(row.id)),
    }
