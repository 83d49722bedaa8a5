"""The relay: publish what is next in the outbox after its commit, many job ids in one message."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import delete, exists, or_, select, update

from worker.db.engine import Database
from worker.db.statements.counts import count_in_flight
from worker.db.statements.locks import lock_unless_held, take_relay_lock
from worker.db.statements.rows import is_any_of
from worker.db.statements.waiting_jobs import Waiting
from worker.db.tables import JobRow, OutboxRow, QueueRow
from worker.db.transaction import Transaction
from worker.dispatch.fair_share import next_jobs
from worker.dispatch.outbox import promote
from worker.states import Status

Publish = Callable[[Sequence[int]], None]


def relay_once(database: Database, publish: Publish, *, message_size: int, ahead: int, window: int) -> int:
    """Publish what is next, at once when little waits and in full messages when much does; return how many jobs.

    Jobs leave the outbox in the transaction that publishes them. A crash before its commit publishes them twice, which
    is harmless, as only one claim succeeds. Which job is next is decided here and not in the broker, so the broker gets
    little at a time: at most `ahead` messages for each worker that has work, and at most `window` jobs in all, are
    published and not finished. One relay publishes at a time; the others return at once.
    """
    with database.read() as tx:
        if not _room(tx, message_size, ahead, window) or not _is_anything_next(tx):
            return 0
    with database.write() as tx:
        if not take_relay_lock(tx):
            return 0
        now = tx.now()
        promote(tx, now)
        room, count = _room(tx, message_size, ahead, window), 0
        for jobs in next_jobs(tx, now, room, min(message_size, window)):
            ready = _mark_published(tx, jobs, now)
            for message in _messages(ready, message_size):
                publish(message)
            count += len(ready)
        return count


def _is_anything_next(tx: Transaction) -> bool:
    waiting = exists().where(OutboxRow.queue_id == QueueRow.id, OutboxRow.due_at.is_(None))
    in_queue = exists().where(QueueRow.paused.is_(False), waiting)
    due = exists().where(OutboxRow.due_at <= tx.now())
    return bool(tx.scalar(select(or_(in_queue, due))))


def _room(tx: Transaction, message_size: int, ahead: int, window: int) -> int:
    """How many jobs may be published: so many for each busy worker, less those that are published and not ended.

    Less than a message is none while more than one is in flight: small messages cost as much as full ones.
    """
    unclaimed, claimed, workers = count_in_flight(tx, window)
    most = min(window, message_size * ahead * max(1, workers))
    room = max(0, most - unclaimed - claimed)
    return 0 if room < message_size <= unclaimed + claimed else room


def _mark_published(tx: Transaction, jobs: Sequence[Waiting], now: datetime) -> list[Waiting]:
    """Take jobs out of the outbox; return those to be published, without the ones that were claimed or ended since.

    Jobs that another transaction holds stay for a later round. Jobs are locked before their outbox rows, as everywhere.
    """
    by_id = {job.job_id: job for job in jobs}
    wanted = select(JobRow.id, JobRow.status).where(is_any_of(tx, JobRow.id, by_id)).order_by(JobRow.id)
    found = {row.id: row.status for row in tx.execute(lock_unless_held(wanted))}
    ready = [job for job in jobs if found.get(job.job_id) == Status.QUEUED]
    tx.execute(update(JobRow).where(is_any_of(tx, JobRow.id, [job.job_id for job in ready])).values(published_at=now))
    tx.execute(delete(OutboxRow).where(is_any_of(tx, OutboxRow.id, [by_id[job_id].row_id for job_id in found])))
    return ready


def _messages(jobs: Sequence[Waiting], size: int) -> Iterator[list[int]]:
    together = [job.job_id for job in jobs if not job.alone]
    yield from (together[start : start + size] for start in range(0, len(together), size))
    yield from ([job.job_id] for job in jobs if job.alone)
