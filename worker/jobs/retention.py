"""Retention: forget jobs that ended long ago, with their decisions. Assets and their labels stay."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from worker.db.engine import Database
from worker.db.statements.locks import lock_unless_held
from worker.db.statements.rows import is_any_of
from worker.db.tables import DecisionRow, JobRow, OutboxRow
from worker.db.transaction import Transaction
from worker.policies.routings import forget_routings
from worker.states import FINISHED, Status

_PAGE = 1000


def purge_jobs(
    database: Database,
    older_than: timedelta,
    *,
    statuses: Collection[Status] = FINISHED,
    dry_run: bool = False,
) -> Iterator[int]:
    """Delete the jobs that ended so long ago in one of these states; yields how many, one transaction after another.

    Jobs are read by id from the oldest, page by page, up to the first page in which none is old enough, so that recent
    jobs are not read at all. Several processes may purge at the same time.
    """
    ended = FINISHED.intersection(statuses)
    with database.read() as tx:
        before = tx.now() - older_than
    cursor = 0
    while True:
        with database.read() as tx:
            page = tx.execute(
                select(JobRow.id, JobRow.status, JobRow.created_at, JobRow.finished_at)
                .where(JobRow.id > cursor)
                .order_by(JobRow.id)
                .limit(_PAGE)
            ).all()
        if all(row.created_at >= before for row in page):
            return
        old = [row.id for row in page if row.status in ended and row.finished_at and row.finished_at < before]
        if old and not dry_run:
            with database.write() as tx:
                old = _delete(tx, old, before)
        yield len(old)
        cursor = page[-1].id


def _delete(tx: Transaction, job_ids: Sequence[int], before: datetime) -> list[int]:
    """Delete those of the jobs that have not been tried again since."""
    still = select(JobRow.id).where(is_any_of(tx, JobRow.id, job_ids), JobRow.finished_at < before).order_by(JobRow.id)
    held = list(tx.scalars(lock_unless_held(still)))
    tx.execute(delete(DecisionRow).where(is_any_of(tx, DecisionRow.job_id, held)))
    tx.execute(delete(OutboxRow).where(is_any_of(tx, OutboxRow.job_id, held)))
    forget_routings(tx, held)
    tx.execute(delete(JobRow).where(is_any_of(tx, JobRow.id, held)))
    return held
