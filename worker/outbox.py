"""The outbox and its relay: publish outbox rows after their commit, many job ids in one message."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from worker.database import Database
from worker.jobs import Status
from worker.orm import JobRow, OutboxRow

Publish = Callable[[Sequence[int]], None]


@dataclass(frozen=True, slots=True)
class Notice:
    """A job to be published at `due_at`, together with others or alone in its message."""

    job_id: int
    due_at: datetime
    alone: bool = False


def enqueue(database: Database, session: Session, notices: Sequence[Notice]) -> None:
    """Put jobs into the outbox; one that is there already takes the new notice."""
    if not notices:
        return
    dialect = sqlite if database.is_sqlite else postgresql
    statement = dialect.insert(OutboxRow)
    renewed = {"alone": statement.excluded.alone, "due_at": statement.excluded.due_at}
    session.execute(
        statement.on_conflict_do_update(index_elements=[OutboxRow.job_id], set_=renewed),
        [asdict(notice) for notice in notices],
    )


def relay_once(database: Database, publish: Publish, *, batch_size: int, window: int) -> int:
    """Publish what is due, at once when little waits and in full messages when much does; return how many jobs.

    Rows leave the outbox in the transaction that publishes them: a crash in between publishes twice, never not at all,
    and a claim makes the second message harmless. No more than `window` jobs lie published and unclaimed.
    """
    with database.read() as session:
        if session.scalar(select(OutboxRow.id).where(OutboxRow.due_at <= database.now(session)).limit(1)) is None:
            return 0
    with database.write() as session:
        rows = _due(database, session, window - _unclaimed(session, window))
        if not rows:
            return 0
        session.execute(delete(OutboxRow).where(OutboxRow.id.in_([row.id for row in rows])))
        session.execute(
            update(JobRow).where(JobRow.id.in_([row.job_id for row in rows])).values(published_at=database.now(session))
        )
        session.flush()
        for message in _messages(rows, batch_size):
            publish(message)
        return len(rows)


def _due(database: Database, session: Session, limit: int) -> Sequence[OutboxRow]:
    if limit <= 0:
        return ()
    due = select(OutboxRow).where(OutboxRow.due_at <= database.now(session)).order_by(OutboxRow.id).limit(limit)
    return session.scalars(due.with_for_update(skip_locked=True)).all()


def _unclaimed(session: Session, limit: int) -> int:
    waiting = select(JobRow.id).where(JobRow.status == Status.QUEUED, JobRow.published_at.is_not(None)).limit(limit)
    return session.scalar(select(func.count()).select_from(waiting.subquery())) or 0


def _messages(rows: Sequence[OutboxRow], batch_size: int) -> Iterator[list[int]]:
    together = [row.job_id for row in rows if not row.alone]
    for start in range(0, len(together), batch_size):
        yield together[start : start + batch_size]
    for row in rows:
        if row.alone:
            yield [row.job_id]
