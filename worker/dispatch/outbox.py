"""The outbox: jobs that are to be published, in lines by queue and tenant, or waiting until they are due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from worker.db.engine import Database
from worker.db.statements import is_any_of
from worker.db.tables import JobRow, OutboxRow

_PROMOTED = 1000


@dataclass(frozen=True, slots=True)
class Notice:
    """A job to be published from `due_at` on, together with others or alone in its message; None is at once."""

    job_id: int
    due_at: datetime | None = None
    alone: bool = False


def enqueue(database: Database, session: Session, notices: Sequence[Notice]) -> None:
    """Put jobs into the outbox; one that is there already takes the new notice."""
    if not notices:
        return
    wanted = [notice.job_id for notice in notices]
    jobs = select(JobRow.id, JobRow.queue_id, JobRow.tenant_id).where(is_any_of(session, JobRow.id, wanted))
    lines = {job_id: (queue_id, tenant_id) for job_id, queue_id, tenant_id in session.execute(jobs)}
    dialect = sqlite if database.is_sqlite else postgresql
    statement = dialect.insert(OutboxRow)
    renewed = {"alone": statement.excluded.alone, "due_at": statement.excluded.due_at}
    session.execute(
        statement.on_conflict_do_update(index_elements=[OutboxRow.job_id], set_=renewed),
        [
            {
                "job_id": notice.job_id,
                "due_at": notice.due_at,
                "alone": notice.alone,
                "queue_id": lines[notice.job_id][0],
                "tenant_id": lines[notice.job_id][1],
            }
            for notice in notices
        ],
    )


def promote(session: Session, now: datetime) -> None:
    """Put delayed jobs that are due by now into their lines, some at a time."""
    due = select(OutboxRow.id).where(OutboxRow.due_at <= now).order_by(OutboxRow.due_at).limit(_PROMOTED)
    found = session.scalars(due.with_for_update(skip_locked=True)).all()
    if found:
        session.execute(update(OutboxRow).where(is_any_of(session, OutboxRow.id, found)).values(due_at=None))
