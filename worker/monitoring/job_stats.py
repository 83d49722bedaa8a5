"""How jobs and workers are doing, by queries that seek in an index and read no further than COUNTED rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select

from worker.db.statements.counts import COUNTED, count_up_to
from worker.db.statements.index_choice import select_by_status
from worker.db.tables import JobRow, OutboxRow
from worker.db.transaction import Transaction
from worker.states import Status

RATE_WINDOW_S = 60.0
_RATE_SAMPLE = 2_000
_SHOWN = (Status.QUEUED, Status.RUNNING, Status.FAILED, Status.DEAD)


@dataclass(frozen=True, slots=True)
class JobStats:
    """One look at the jobs; counts stop at COUNTED."""

    counts: dict[str, int]  # by status, of those that are of interest
    is_published_pending: bool  # whether a job lies published and unclaimed
    oldest_pending_s: float  # since the submission of the queued job with the lowest id; 0 when none is queued
    outbox_lag_s: float  # how long the first due outbox row has been waiting; 0 when none is due


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker that holds jobs now."""

    worker: str
    jobs: int
    retries: int  # those of them that are no first attempt
    lease_left_s: float  # of the lease that ends first: below zero the worker is lost


def read_job_stats(tx: Transaction) -> JobStats:
    """One look."""
    now = tx.now()
    return JobStats(
        counts={status.value: count_up_to(tx, select_by_status(status, JobRow.id)) for status in _SHOWN},
        is_published_pending=_is_published_pending(tx),
        oldest_pending_s=_age_s(now, tx.scalar(_acting(select_by_status(Status.QUEUED, JobRow.created_at)).limit(1))),
        outbox_lag_s=_outbox_lag_s(tx, now),
    )


def read_workers(tx: Transaction) -> list[WorkerState]:
    """The workers that hold jobs, from the claims of up to COUNTED running jobs, the busiest first."""
    now = tx.now()
    held = select_by_status(Status.RUNNING, JobRow.worker, JobRow.attempt, JobRow.lease_until).limit(COUNTED)
    by_worker: dict[str, list[tuple[int, datetime]]] = {}
    for worker, attempt, lease_until in tx.execute(held):
        by_worker.setdefault(worker or "", []).append((attempt, lease_until or now))
    found = [
        WorkerState(name, len(rows), sum(attempt > 1 for attempt, _ in rows), -_signed_s(now, min(t for _, t in rows)))
        for name, rows in by_worker.items()
    ]
    return sorted(found, key=lambda each: (-each.jobs, each.worker))


def read_rates(tx: Transaction) -> dict[str, float]:
    """Jobs a second that ended so in the last minute, by the newest 2,000 jobs of each status."""
    now = tx.now()
    return {status.value: _rate(tx, status, now) for status in (Status.SUCCEEDED, Status.FAILED, Status.DEAD)}


def _rate(tx: Transaction, status: Status, now: datetime) -> float:
    newest = select_by_status(status, JobRow.finished_at, newest_first=True).limit(_RATE_SAMPLE)
    since = now - timedelta(seconds=RATE_WINDOW_S)
    ended = [at for at in tx.scalars(newest) if at is not None and at > since]
    window_s = RATE_WINDOW_S if len(ended) < _RATE_SAMPLE else max((now - min(ended)).total_seconds(), 0.001)
    return len(ended) / window_s


def _is_published_pending(tx: Transaction) -> bool:
    oldest = select_by_status(Status.QUEUED, JobRow.published_at).limit(COUNTED).subquery()  # these are published first
    return tx.scalar(select(oldest).where(oldest.c.published_at.is_not(None)).limit(1)) is not None


def _outbox_lag_s(tx: Transaction, now: datetime) -> float:
    due = or_(OutboxRow.due_at.is_(None), OutboxRow.due_at <= now)
    waits_since = func.coalesce(OutboxRow.due_at, JobRow.created_at, type_=JobRow.created_at.type)
    first = select(waits_since).join(JobRow, JobRow.id == OutboxRow.job_id).where(due)
    first = _acting(first).order_by(OutboxRow.id).limit(1)
    return _age_s(now, tx.scalar(first))


def _acting(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Without shadows, which wait behind all others for as long as it takes."""
    return query.where(JobRow.shadow.is_(False))


def _age_s(now: datetime, since: datetime | None) -> float:
    return max(0.0, _signed_s(now, since)) if since is not None else 0.0


def _signed_s(now: datetime, since: datetime) -> float:
    return (now - since).total_seconds()
