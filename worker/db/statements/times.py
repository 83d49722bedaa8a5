"""Places in time, found by ids: jobs are numbered as they are submitted, so that no index by time is needed."""

from datetime import datetime

from sqlalchemy import select

from worker.db.tables import JobRow
from worker.db.transaction import Transaction

_SLACK = 10_000  # ids: those of transactions that were open at the same time


def first_job_since(tx: Transaction, since: datetime, first: int, last: int) -> int:
    """An id within [first, last + 1] such that no job below it was submitted at this time or later, by bisection.

    Jobs of one moment may be numbered in another order than their times; their ids lie within one submission.
    """
    low, high = first, last + 1
    while low < high:
        middle = (low + high) // 2
        at = tx.scalar(select(JobRow.created_at).where(JobRow.id >= middle).order_by(JobRow.id).limit(1))
        if at is not None and at < since:
            low = middle + 1
        else:
            high = middle
    return max(first, low - _SLACK)
