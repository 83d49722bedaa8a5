"""Batches: the jobs of one submission, counted, cancelled and waited for together."""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, delete, func, insert, literal_column, select, update

from worker.db.engine import Database
from worker.db.statements.counts import count_up_to
from worker.db.statements.rows import is_any_of
from worker.db.tables import BatchRow, JobRow, OutboxRow
from worker.db.transaction import Transaction
from worker.errors import LookupFailedError
from worker.states import FINISHED, OPEN, Status, sources

FAILURES = (Status.FAILED, Status.DEAD)
_COUNTED = 100_000  # jobs of one state that are counted at most
_RATE_S = 60.0  # what has ended in this time gives the rate
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch has come. Counts stop at 100,000 for each state; `capped` names the states where they did."""

    counts: dict[Status, int]
    capped: tuple[Status, ...]
    rate_per_s: float
    left_s: float | None  # None: nothing moves, or the counts are capped

    @property
    def is_open(self) -> bool:
        """Whether any job is queued or running."""
        return any(self.counts[status] for status in OPEN)


def add_to_batch(tx: Transaction, batch: int | None, count: int, tenant_id: int) -> int:
    """Count new jobs of a batch of a tenant, which is made when there is none yet, and has not ended with them."""
    if batch is None:
        fresh = insert(BatchRow).values(created_at=tx.now(), job_count=count, tenant_id=tenant_id)
        return tx.execute(fresh.returning(BatchRow.id)).scalar_one()
    added = {"job_count": BatchRow.job_count + count, "finished_at": None}
    tx.execute(update(BatchRow).where(BatchRow.id == batch).values(added))
    return batch


def mark_submitted(tx: Transaction, batch: int) -> None:
    """No more jobs will be added to a batch."""
    tx.execute(update(BatchRow).where(BatchRow.id == batch).values(submitted_at=tx.now()))


def find_batch(tx: Transaction, batch: int) -> BatchRow:
    """The row of a batch. Raises LookupFailedError."""
    row = tx.get(BatchRow, batch)
    if row is None:
        raise LookupFailedError(f"no batch has the id {batch}")
    return row


def list_batches(tx: Transaction, *, limit: int = 50, before: int | None = None) -> list[dict[str, Any]]:
    """The newest batches first, each with its number of jobs and whether any of them is open."""
    query = select(BatchRow).order_by(BatchRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(BatchRow.id < before)
    return [{**_head(row), "open": is_open(tx, row.id)} for row in tx.scalars(query)]


def show_batch(tx: Transaction, batch: int) -> dict[str, Any]:
    """A batch with its counts by state, its rate and the time that is left. Raises LookupFailedError."""
    row = find_batch(tx, batch)
    found = progress(tx, row)
    return {
        **_head(row),
        "open": found.is_open,
        "counts": {status.value: found.counts[status] for status in Status},
        "capped": [status.value for status in found.capped],
        "rate_per_s": round(found.rate_per_s, 3),
        "left_s": None if found.left_s is None else round(found.left_s, 1),
    }


def find_batches(tx: Transaction, batches: Collection[int]) -> dict[int, dict[str, Any]]:
    """Those of the batches that there are, by id, each with its counts by state, up to 100,000 of each."""
    counts = [_counted(status) for status in Status]
    query = select(BatchRow, *counts).where(is_any_of(tx, BatchRow.id, batches))
    found: dict[int, dict[str, Any]] = {}
    for row, *numbers in tx.execute(query):
        by_status = dict(zip(Status, numbers, strict=True))
        capped = [status.value for status, number in by_status.items() if number == _COUNTED]
        named = {status.value: number for status, number in by_status.items()}
        is_unfinished = any(by_status[status] for status in OPEN)
        found[row.id] = {**_head(row), "open": is_unfinished, "counts": named, "capped": capped}
    return found


def progress(tx: Transaction, row: BatchRow) -> Progress:
    """Counts by the index of batches: no job outside this one is read, and of this one a bounded number."""
    counts = {
        status: count_up_to(tx, select(JobRow.id).where(JobRow.batch_id == row.id, JobRow.status == status), _COUNTED)
        for status in Status
    }
    capped = tuple(status for status, count in counts.items() if count == _COUNTED)
    rate_per_s = _rate_per_s(tx, row, tx.now())
    left = sum(counts[status] for status in OPEN)
    is_known = (rate_per_s or not left) and not OPEN.intersection(capped)
    return Progress(counts, capped, rate_per_s, (left / rate_per_s if left else 0.0) if is_known else None)


def is_open(tx: Transaction, batch: int) -> bool:
    """Whether any job of a batch is queued or running."""
    return any(_first(tx, batch, status) is not None for status in sorted(OPEN))


def wait_for_batch(database: Database, batch: int, timeout_s: float | None, poll_s: float) -> bool:
    """Wait until no job of a batch is open; False when the time is up first. Raises LookupFailedError."""
    end = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        with database.read() as tx:
            find_batch(tx, batch)
            if not is_open(tx, batch):
                return True
        if end is not None and time.monotonic() > end:
            return False
        time.sleep(poll_s)


def failed_jobs(tx: Transaction, batch: int, limit: int) -> list[int]:
    """The first failed and dead jobs of a batch, in the order of their ids."""
    found: list[int] = []
    for status in FAILURES:
        failed = select(JobRow.id).where(JobRow.batch_id == batch, JobRow.status == status)
        in_order = failed.order_by(JobRow.id + 0)  # not by the index of states and ids, which has those of all batches
        found += tx.scalars(in_order.limit(limit))
    return sorted(found)[:limit]


def cancel_batch(database: Database, batch: int) -> Iterator[int]:
    """Cancel all jobs of a batch that have not ended; yields how many, one transaction after another.

    What a worker still finds for a running one is thrown away. Raises LookupFailedError.
    """
    with database.read() as tx:
        find_batch(tx, batch)
    while count := _cancel_page(database, batch):
        yield count


def _cancel_page(database: Database, batch: int) -> int:
    with database.write() as tx:
        may_end = JobRow.status.in_(sources(Status.CANCELLED))
        page = select(JobRow.id).where(JobRow.batch_id == batch, may_end).order_by(JobRow.id).limit(_PAGE)
        ids = list(tx.scalars(page.with_for_update()))
        cancelled = update(JobRow).where(is_any_of(tx, JobRow.id, ids), may_end)
        tx.execute(cancelled.values(status=Status.CANCELLED, finished_at=tx.now(), lease_until=None))
        tx.execute(delete(OutboxRow).where(is_any_of(tx, OutboxRow.job_id, ids)))
        return len(ids)


def _rate_per_s(tx: Transaction, row: BatchRow, now: datetime) -> float:
    """Jobs that ended in the last minute, or since the batch began if that is less, a second."""
    since = max(row.created_at, now - timedelta(seconds=_RATE_S))
    ended = sum(
        count_up_to(
            tx,
            select(JobRow.id).where(JobRow.batch_id == row.id, JobRow.status == status, JobRow.finished_at >= since),
            _COUNTED,
        )
        for status in sorted(FINISHED)
    )
    return ended / max(1.0, (now - since).total_seconds())


def _counted(status: Status) -> ScalarSelect[int]:
    """Jobs of a state of the batch at hand, counted by its index."""
    mine = select(JobRow.id).where(JobRow.batch_id == literal_column("batches.id"), JobRow.status == status)
    return select(func.count()).select_from(mine.limit(_COUNTED).subquery()).scalar_subquery()


def _first(tx: Transaction, batch: int, status: Status) -> int | None:
    return tx.scalar(select(JobRow.id).where(JobRow.batch_id == batch, JobRow.status == status).limit(1))


def _head(row: BatchRow) -> dict[str, Any]:
    return {"batch": row.id, "created_at": row.created_at.isoformat(), "jobs": row.job_count}
