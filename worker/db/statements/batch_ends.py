"""Batches, and of their jobs what tells whether they have ended: three index seeks for each, whatever its size."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, select

from worker.db.statements.counts import COUNTED
from worker.db.statements.index_choice import IS_QUEUED, IS_RUNNING
from worker.db.statements.rows import is_any_of
from worker.db.tables import BatchRow, JobRow
from worker.db.transaction import Transaction


class Sweep(NamedTuple):
    """What a sweep asks of a batch."""

    batch: int
    is_submitted: bool
    newest_at: datetime  # when its newest job was submitted, or the batch itself where it has none
    is_open: bool


def batches_to_sweep(
    tx: Transaction, *, among: Sequence[int] | None = None, after: int = 0, limit: int = COUNTED
) -> list[Sweep]:
    """Batches whose end was not told, by id, from those after an id or `among` these.

    Whether a job is queued or running is asked in one statement, as one moves between the two. Each is a subquery with
    LIMIT, which no planner turns into a join that reads all jobs.
    """
    rows = _SWEEP.where(BatchRow.id > after) if among is None else _SWEEP.where(is_any_of(tx, BatchRow.id, among))
    return [
        Sweep(batch, submitted_at is not None, newest_at or created_at, queued is not None or running is not None)
        for batch, submitted_at, created_at, newest_at, queued, running in tx.execute(
            rows.order_by(BatchRow.id).limit(limit)
        )
    ]


def _select_sweep() -> Select[Any]:
    mine = JobRow.batch_id == BatchRow.id
    newest = select(JobRow.created_at).where(mine).order_by(JobRow.id.desc()).limit(1)
    queued, running = (select(JobRow.id).where(mine, status).limit(1) for status in (IS_QUEUED, IS_RUNNING))
    asked = (query.correlate(BatchRow).scalar_subquery() for query in (newest, queued, running))
    return select(BatchRow.id, BatchRow.submitted_at, BatchRow.created_at, *asked).where(BatchRow.finished_at.is_(None))


_SWEEP = _select_sweep()
