"""What people may ask of a job: to be cancelled, or tried again."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, delete, select, update

from worker.db.engine import Database
from worker.db.statements.locks import lock_unless_held
from worker.db.tables import JobRow, OutboxRow
from worker.db.transaction import Transaction
from worker.dispatch.outbox import Notice, enqueue
from worker.errors import InvalidMoveError, LookupFailedError
from worker.jobs.batch_ends import reopen_batches
from worker.states import Code, Status, sources

_PAGE = 1000

# What a job that is tried again forgets; its attempts go on being numbered where they were.
_FRESH = {"charged": 0, "code": None, "message": None, "finished_at": None, "published_at": None}


def cancel_job(database: Database, job_id: int) -> None:
    """Cancel a job that has not ended; what a worker still finds for it is thrown away. Raises InvalidMoveError."""
    with database.write() as tx:
        _move(tx, job_id, Status.CANCELLED, finished_at=tx.now(), lease_until=None)
        tx.execute(delete(OutboxRow).where(OutboxRow.job_id == job_id))


def retry_job(database: Database, job_id: int, *, only: Status | None = None) -> None:
    """Queue a failed, dead or cancelled job again, with all its attempts; with `only`, one in just that state.

    Raises InvalidMoveError on others.
    """
    with database.write() as tx:
        status = tx.scalar(select(JobRow.status).where(JobRow.id == job_id).with_for_update())
        if status == Status.RUNNING or (status is not None and only not in (None, status)):
            raise InvalidMoveError(f"job {job_id} is {status}{f', not {only}' if only else ''}")
        _move(tx, job_id, Status.QUEUED, **_FRESH)
        reopen_batches(tx, [job_id])
        enqueue(tx, [Notice(job_id, alone=True)])


def _move(tx: Transaction, job_id: int, target: Status, **values: Any) -> None:
    moved = tx.scalar(
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.status.in_(sources(target)))
        .values(status=target, **values)
        .returning(JobRow.id)
    )
    if moved is None:
        status = tx.scalar(select(JobRow.status).where(JobRow.id == job_id))
        if status is None:
            raise LookupFailedError(f"no job has the id {job_id}")
        raise InvalidMoveError(f"job {job_id} is {status}: it cannot become {target}")


def retry_dead(database: Database) -> Iterator[list[int]]:
    """Queue every dead job again with all its attempts, alone in its message; yields the ids, page by page.

    One that dies again meanwhile is not queued a second time.
    """
    yield from _retry_all(database, select(JobRow.id).where(JobRow.status == Status.DEAD))


def retry_failed(database: Database, code: Code, batch: int | None = None) -> Iterator[list[int]]:
    """Queue every job again that failed or died with a code, of all or of one batch; yields the ids, page by page."""
    for status in (Status.FAILED, Status.DEAD):
        chosen = select(JobRow.id).where(JobRow.status == status, JobRow.code == code)
        yield from _retry_all(database, chosen if batch is None else chosen.where(JobRow.batch_id == batch))


def _retry_all(database: Database, chosen: Select[int]) -> Iterator[list[int]]:
    cursor = 0
    while True:
        with database.write() as tx:
            page = chosen.where(JobRow.id > cursor).order_by(JobRow.id).limit(_PAGE)
            ids = list(tx.scalars(lock_unless_held(page)))
            if not ids:
                return
            queued = update(JobRow).where(JobRow.id.in_(ids), JobRow.status.in_(sources(Status.QUEUED)))
            tx.execute(queued.values(status=Status.QUEUED, **_FRESH))
            reopen_batches(tx, ids)
            enqueue(tx, [Notice(job_id, alone=True) for job_id in ids])
        cursor = ids[-1]
        yield ids
