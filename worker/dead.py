"""Jobs that ran out of attempts: give all of them another chance, in small transactions."""

from collections.abc import Iterator

from sqlalchemy import select, update

from worker.database import Database
from worker.jobs import Status, sources
from worker.orm import JobRow
from worker.outbox import Notice, enqueue

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
