"""The relay: publish what is next in the outbox after its commit, many job ids in one message."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Integer, Select, bindparam, delete, distinct, exists, func, or_, select, update
from sqlalchemy.orm import Session

from worker.db.engine import Database
from worker.db.statements import is_any_of
from worker.db.tables import FIRST, IS_QUEUED, IS_RUNNING, JobRow, OutboxRow, QueueRow
from worker.dispatch.fair_share import Waiting, next_jobs
from worker.dispatch.outbox import promote
from worker.states import Status

Publish = Callable[[Sequence[int]], None]

_LOCAL = True  # to the transaction
_PATIENCE_MS = "15000"  # a relay that stands still for so long in its transaction makes way for the others


def relay_once(database: Database, publish: Publish, *, message_size: int, ahead: int, window: int) -> int:
    """Publish what is next, at once when little waits and in full messages when much does; return how many jobs.

    Jobs leave the outbox in the transaction that publishes them: a crash in between publishes twice, never not at all,
    and a claim makes the second message harmless. Who is next is decided here and not in the broker, so little is let
    into it: no more than `ahead` messages for each worker that has work are published and not ended, and no more than
    `window` jobs in all. One relay publishes at a time; the others return at once.
    """
    with database.read() as session:
        if not _room(session, message_size, ahead, window) or not _is_anything_next(database, session):
            return 0
    with database.write() as session:
        if not _is_my_turn(database, session):
            return 0
        now = database.now(session)
        promote(session, now)
        room, count = _room(session, message_size, ahead, window), 0
        for jobs in next_jobs(session, now, room, min(message_size, window)):
            ready = _mark_published(session, jobs, now)
            for message in _messages(ready, message_size):
                publish(message)
            count += len(ready)
        return count


def _is_anything_next(database: Database, session: Session) -> bool:
    line = exists().where(OutboxRow.queue_id == QueueRow.id, OutboxRow.due_at.is_(None))
    in_line = exists().where(QueueRow.paused.is_(False), line)
    due = exists().where(OutboxRow.due_at <= database.now(session))
    return bool(session.scalar(select(or_(in_line, due))))


def _is_my_turn(database: Database, session: Session) -> bool:
    """Take the first queue's row as the lock of all relays; False when another one holds it."""
    lock = select(QueueRow.id).where(QueueRow.id == FIRST).with_for_update(skip_locked=True)
    if not database.is_sqlite:  # which has one writer at a time anyway
        lock = lock.add_columns(func.set_config("idle_in_transaction_session_timeout", _PATIENCE_MS, _LOCAL))
    return session.scalar(lock) is not None


def _room(session: Session, message_size: int, ahead: int, window: int) -> int:
    """How many jobs may be published: so many for each busy worker, less those that are published and not ended.

    Less than a message is none while more than one is in flight: small messages cost as much as full ones.
    """
    unclaimed, claimed, workers = (count or 0 for count in session.execute(_IN_FLIGHT, {"most": window}).one())
    most: int = min(window, message_size * ahead * max(1, workers))
    room = max(0, most - unclaimed - claimed)
    return 0 if room < message_size <= unclaimed + claimed else room


def _select_in_flight() -> Select[int | None, int | None, int | None]:
    """Published jobs that nobody has claimed, running jobs, and their workers; each counted up to a bound."""
    most = bindparam("most", type_=Integer)
    running = select(JobRow.worker).where(IS_RUNNING).limit(most).subquery()
    published = select(JobRow.id).where(IS_QUEUED, JobRow.published_at.is_not(None)).limit(most).subquery()
    return select(
        select(func.count()).select_from(published).scalar_subquery(),
        select(func.count()).select_from(running).scalar_subquery(),
        select(func.count(distinct(running.c.worker))).select_from(running).scalar_subquery(),
    )


_IN_FLIGHT = _select_in_flight()  # made once: to make it takes longer than to run it


def _mark_published(session: Session, jobs: Sequence[Waiting], now: datetime) -> list[Waiting]:
    """Take jobs out of the outbox; return those to be published, without the ones that were claimed or ended since.

    Jobs that another transaction holds stay for a later round. Jobs are locked before their outbox rows, as everywhere.
    """
    by_id = {job.job_id: job for job in jobs}
    held = select(JobRow.id, JobRow.status).where(is_any_of(session, JobRow.id, by_id)).order_by(JobRow.id)
    found = {row.id: row.status for row in session.execute(held.with_for_update(skip_locked=True))}
    ready = [job for job in jobs if found.get(job.job_id) == Status.QUEUED]
    session.execute(
        update(JobRow).where(is_any_of(session, JobRow.id, [job.job_id for job in ready])).values(published_at=now)
    )
    session.execute(
        delete(OutboxRow).where(is_any_of(session, OutboxRow.id, [by_id[job_id].row_id for job_id in found]))
    )
    return ready


def _messages(jobs: Sequence[Waiting], size: int) -> Iterator[list[int]]:
    together = [job.job_id for job in jobs if not job.alone]
    yield from (together[start : start + size] for start in range(0, len(together), size))
    yield from ([job.job_id] for job in jobs if job.alone)
