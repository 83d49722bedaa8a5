"""The outbox: jobs that are to be published, due at once, or waiting until they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from worker.db.statements.locks import lock_unless_held
from worker.db.statements.rows import insert_into, is_any_of
from worker.db.tables import JobRow, OutboxRow
from worker.db.transaction import Transaction

_PROMOTED = 1000


@dataclass(frozen=True, slots=True)
class Notice:
    """A job to be published from `due_at` on, together with others or alone in its message; None is at once."""

    job_id: int
    due_at: datetime | None = None
    alone: bool = False


def enqueue(tx: Transaction, notices: Sequence[Notice]) -> None:
    """Put jobs into the outbox; one that is there already takes the new notice."""
    if not notices:
        return
    wanted = [notice.job_id for notice in notices]
    jobs = select(JobRow.id, JobRow.queue_id, JobRow.tenant_id).where(is_any_of(tx, JobRow.id, wanted))
    owners = {job_id: (queue_id, tenant_id) for job_id, queue_id, tenant_id in tx.execute(jobs)}
    statement = insert_into(tx, OutboxRow)
    renewed = {"alone": statement.excluded.alone, "due_at": statement.excluded.due_at}
    tx.execute(
        statement.on_conflict_do_update(index_elements=[OutboxRow.job_id], set_=renewed),
        [
            {
                "job_id": notice.job_id,
                "due_at": notice.due_at,
                "alone": notice.alone,
                "queue_id": owners[notice.job_id][0],
                "tenant_id": owners[notice.job_id][1],
            }
            for notice in notices
        ],
    )


def promote(tx: Transaction, now: datetime) -> None:
    """Let delayed jobs that are due by now be published, some at a time."""
    due = select(OutboxRow.id).where(OutboxRow.due_at <= now).order_by(OutboxRow.due_at).limit(_PROMOTED)
    found = tx.scalars(lock_unless_held(due)).all()
    if found:
        tx.execute(update(OutboxRow).where(is_any_of(tx, OutboxRow.id, found)).values(due_at=None))
