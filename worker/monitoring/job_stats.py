"""How jobs and workers are doing, by queries that seek in an index and read no further than COUNTED rows.

A range of one status and an order by the whole index keep a planner on it, whatever its statistics say: by the primary
key it might read a hundred million ended jobs to find one that is queued.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from worker.db.engine import Database
from worker.db.tables import JobRow, OutboxRow
from worker.states import Status

COUNTED = 10_000
RATE_WINDOW_S = 60.0
_RATE_SAMPLE = 2_000
_SHOWN = (Status.QUEUED, Status.RUNNING, Status.FAILED, Status.DEAD)


@dataclass(frozen=True, slots=True)
class Vitals:
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


def read_vitals(database: Database, session: Session) -> Vitals:
    """One look."""
    now = database.now(session)
    return Vitals(
        counts={status.value: _count(session, status) for status in _SHOWN},
        is_published_pending=_is_published_pending(session),
        oldest_pending_s=_age_s(now, session.scalar(_of_status(Status.QUEUED, JobRow.created_at).limit(1))),
        outbox_lag_s=_outbox_lag_s(session, now),
    )


def read_workers(database: Database, session: Session) -> list[WorkerState]:
    """The workers that hold jobs, from the claims of up to COUNTED running jobs, the busiest first."""
    now = database.now(session)
    held = _of_status(Status.RUNNING, JobRow.worker, JobRow.attempt, JobRow.lease_until).limit(COUNTED)
    by_worker: dict[str, list[tuple[int, datetime]]] = {}
    for worker, attempt, lease_until in session.execute(held):
        by_worker.setdefault(worker or "", []).append((attempt, lease_until or now))
    found = [
        WorkerState(name, len(rows), sum(attempt > 1 for attempt, _ in rows), -_signed_s(now, min(t for _, t in rows)))
        for name, rows in by_worker.items()
    ]
    return sorted(found, key=lambda each: (-each.jobs, each.worker))


def read_rates(database: Database, session: Session) -> dict[str, float]:
    """Jobs a second that ended so in the last minute, by the newest 2,000 jobs of each status."""
    now = database.now(session)
    return {status.value: _rate(session, status, now) for status in (Status.SUCCEEDED, Status.FAILED, Status.DEAD)}


def _rate(session: Session, status: Status, now: datetime) -> float:
    newest = _of_status(status, JobRow.finished_at, newest=True).limit(_RATE_SAMPLE)
    since = now - timedelta(seconds=RATE_WINDOW_S)
    ended = [at for at in session.scalars(newest) if at is not None and at > since]
    window_s = RATE_WINDOW_S if len(ended) < _RATE_SAMPLE else max((now - min(ended)).total_seconds(), 0.001)
    return len(ended) / window_s


def _of_status(status: Status, *columns: Any, newest: bool = False) -> Select[*tuple[Any, ...]]:
    order = (JobRow.status.desc(), JobRow.id.desc()) if newest else (JobRow.status, JobRow.id)
    return select(*columns).where(_is(status)).order_by(*order)


def _is(status: Status) -> ColumnElement[bool]:
    return JobRow.status.between(status.value, status.value)


def _count(session: Session, status: Status) -> int:
    return (
        session.scalar(select(func.count()).select_from(_of_status(status, JobRow.id).limit(COUNTED).subquery())) or 0
    )


def _is_published_pending(session: Session) -> bool:
    oldest = _of_status(Status.QUEUED, JobRow.published_at).limit(COUNTED).subquery()  # these are published first
    return session.scalar(select(oldest).where(oldest.c.published_at.is_not(None)).limit(1)) is not None


def _outbox_lag_s(session: Session, now: datetime) -> float:
    due = or_(OutboxRow.due_at.is_(None), OutboxRow.due_at <= now)
    waits_since = func.coalesce(OutboxRow.due_at, JobRow.created_at, type_=JobRow.created_at.type)
    first = select(waits_since).join(JobRow, JobRow.id == OutboxRow.job_id).where(due).order_by(OutboxRow.id).limit(1)
    return _age_s(now, session.scalar(first))


def _age_s(now: datetime, since: datetime | None) -> float:
    return max(0.0, _signed_s(now, since)) if since is not None else 0.0


def _signed_s(now: datetime, since: datetime) -> float:
    return (now - since).total_seconds()
