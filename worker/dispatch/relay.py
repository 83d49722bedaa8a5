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
from worker.dispatch.suspects import in_pieces, largest_group
from worker.states import SUSPECT, Status

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
            for message in _messages(_mark_published(tx, jobs, now), message_size):
                publish(message)
                count += len(message)
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


def _mark_published(tx: Transaction, jobs: Sequence[Waiting], now: datetime) -> list[tuple[Waiting, bool]]:
    """Take jobs out of the outbox; return those to be published, without the ones that were claimed or ended since.

    Each with whether it is a suspect.

    Jobs that another transaction holds stay for a later round. Jobs are locked before their outbox rows, as everywhere.
    """
    by_id = {job.job_id: job for job in jobs}
    wanted = select(JobRow.id, JobRow.status, JobRow.code).where(is_any_of(tx, JobRow.id, by_id)).order_by(JobRow.id)
    found = {row.id: row for row in tx.execute(lock_unless_held(wanted))}
    ready = [job for job in jobs if job.job_id in found and found[job.job_id].status == Status.QUEUED]
    tx.execute(update(JobRow).where(is_any_of(tx, JobRow.id, [job.job_id for job in ready])).values(published_at=now))
    tx.execute(delete(OutboxRow).where(is_any_of(tx, OutboxRow.id, [by_id[job_id].row_id for job_id in found])))
    return [(job, found[job.job_id].code in SUSPECT) for job in ready]


def _messages(jobs: Sequence[tuple[Waiting, bool]], size: int) -> Iterator[Sequence[int]]:
    """The ids of each message; suspects travel together, and apart from all others."""
    yield from in_pieces([job.job_id for job, is_suspect in jobs if not (job.alone or is_suspect)], size)
    yield from in_pieces([job.job_id for job, is_suspect in jobs if is_suspect], largest_group(size))
    yield from ([job.job_id] for job, is_suspect in jobs if job.alone and not is_suspect)
