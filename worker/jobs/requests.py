"""What people may ask of a job: to be cancelled, or tried again."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from worker.db.engine import Database
from worker.db.tables import JobRow, OutboxRow
from worker.dispatch.outbox import Notice, enqueue
from worker.errors import InvalidMoveError, LookupFailedError
from worker.states import Status, sources


def cancel_job(database: Database, job_id: int) -> None:
    """Cancel a job that has not ended; what a worker still finds for it is thrown away. Raises InvalidMoveError."""
    with database.write() as session:
        _move(session, job_id, Status.CANCELLED, finished_at=database.now(session), lease_until=None)
        session.execute(delete(OutboxRow).where(OutboxRow.job_id == job_id))


def retry_job(database: Database, job_id: int, *, only: Status | None = None) -> None:
    """Queue a failed, dead or cancelled job again, with all its attempts; with `only`, one in just that state.

    Raises InvalidMoveError on others.
    """
    with database.write() as session:
        status = session.scalar(select(JobRow.status).where(JobRow.id == job_id).with_for_update())
        if status == Status.RUNNING or (status is not None and only not in (None, status)):
            raise InvalidMoveError(f"job {job_id} is {status}{f', not {only}' if only else ''}")
        _move(session, job_id, Status.QUEUED, **FRESH)
        enqueue(database, session, [Notice(job_id, alone=True)])


def _move(session: Session, job_id: int, target: Status, **values: Any) -> None:
    moved = session.scalar(
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.status.in_(sources(target)))
        .values(status=target, **values)
        .returning(JobRow.id)
    )
    if moved is None:
        status = session.scalar(select(JobRow.status).where(JobRow.id == job_id))
        if status is None:
            raise LookupFailedError(f"no job has the id {job_id}")
        raise InvalidMoveError(f"job {job_id} is {status}: it cannot become {target}")


_PAGE = 1000


# What a job that is tried again forgets.
FRESH = {"attempt": 0, "code": None, "message": None, "finished_at": None, "published_at": None}


def retry_dead(database: Database) -> Iterator[list[int]]:
    """Queue every dead job again with all its attempts, alone in its message; yields the ids, page by page.

    One that dies again meanwhile is not queued a second time.
    """
    cursor = 0
    while True:
        with database.write() as session:
            dead = select(JobRow.id).where(JobRow.status == Status.DEAD, JobRow.id > cursor)
            page = dead.order_by(JobRow.id).limit(_PAGE).with_for_update(skip_locked=True)
            ids = list(session.scalars(page))
            if not ids:
                return
            queued = update(JobRow).where(JobRow.id.in_(ids), JobRow.status.in_(sources(Status.QUEUED)))
            session.execute(queued.values(status=Status.QUEUED, **FRESH))
            enqueue(database, session, [Notice(job_id, alone=True) for job_id in ids])
        cursor = ids[-1]
        yield ids
