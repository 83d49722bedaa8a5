"""Claim jobs by lease and attempt, and settle them; every write is fenced by the attempt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, tuple_, update
from sqlalchemy.orm import Session

from worker.database import Database
from worker.jobs import Code, Status, sources
from worker.monitoring.metrics import CLAIMED, count_ended
from worker.orm import AssetRow, JobRow
from worker.outbox import Notice, enqueue

_MAX_MESSAGE_CHARS = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt at a job, held by this worker until its lease ends."""

    job_id: int
    attempt: int
    asset_id: int
    bundle_id: int
    uri: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed for good."""

    claim: Claim
    code: Code
    message: str


def claim_jobs(database: Database, job_ids: Sequence[int], worker: str, lease_s: float) -> list[Claim]:
    """Claim those of the jobs that are queued, in the order of their ids; what others hold is passed over.

    Rows that are locked are waited for: the relay publishes before it commits, and a message passed over then would be
    lost.
    """
    with database.write() as session:
        free = select(JobRow.id).where(JobRow.id.in_(job_ids), JobRow.status.in_(sources(Status.RUNNING)))
        locked = session.scalars(free.order_by(JobRow.id).with_for_update()).all()
        if not locked:
            return []
        lease_until = database.now(session) + timedelta(seconds=lease_s)
        session.execute(
            update(JobRow)
            .where(JobRow.id.in_(locked))
            .values(status=Status.RUNNING, attempt=JobRow.attempt + 1, lease_until=lease_until, worker=worker)
        )
        rows = session.execute(
            select(JobRow.id, JobRow.attempt, JobRow.asset_id, JobRow.bundle_id, AssetRow.uri)
            .join(AssetRow, AssetRow.id == JobRow.asset_id)
            .where(JobRow.id.in_(locked))
            .order_by(JobRow.id)
        )
        claims = [Claim(*row) for row in rows]
    CLAIMED.inc(len(claims))
    return claims


def extend_leases(database: Database, claims: Sequence[Claim], lease_s: float) -> None:
    """Hold on to claims for another `lease_s`."""
    with database.write() as session:
        held = held_claims(session, claims)
        lease_until = database.now(session) + timedelta(seconds=lease_s)
        session.execute(update(JobRow).where(JobRow.id.in_([c.job_id for c in held])).values(lease_until=lease_until))


def held_claims(session: Session, claims: Sequence[Claim]) -> list[Claim]:
    """Those of the claims that still hold, locked until the transaction ends."""
    fence = tuple_(JobRow.id, JobRow.attempt).in_([(claim.job_id, claim.attempt) for claim in claims])
    rows = session.scalars(
        select(JobRow.id).where(JobRow.status == Status.RUNNING, fence).order_by(JobRow.id).with_for_update()
    )
    held = set(rows)
    return [claim for claim in claims if claim.job_id in held]


def mark_succeeded(database: Database, session: Session, held: Sequence[Claim]) -> None:
    """Settle held claims as succeeded."""
    _settle(database, session, [claim.job_id for claim in held], Status.SUCCEEDED)


def mark_failed(database: Database, session: Session, failures: Sequence[Failure]) -> None:
    """Settle held claims as failed, each with its code and message."""
    for failure in failures:
        _settle(database, session, [failure.claim.job_id], Status.FAILED, failure.code, failure.message)


def try_again(
    database: Database, session: Session, held: Sequence[Claim], message: str, *, max_attempts: int, wait_s: float
) -> None:
    """Give held claims back: queued again, each alone in its message, or dead when they are out of attempts."""
    spent = [claim.job_id for claim in held if claim.attempt >= max_attempts]
    if spent:
        _settle(database, session, spent, Status.DEAD, Code.OUT_OF_ATTEMPTS, message)
    again = [claim for claim in held if claim.attempt < max_attempts]
    if not again:
        return
    session.execute(
        update(JobRow)
        .where(JobRow.id.in_([claim.job_id for claim in again]), JobRow.status.in_(sources(Status.QUEUED)))
        .values(status=Status.QUEUED, lease_until=None, published_at=None, message=message[:_MAX_MESSAGE_CHARS])
    )
    now = database.now(session)
    waits = [(claim.job_id, timedelta(seconds=wait_s * 2 ** (claim.attempt - 1))) for claim in again]
    enqueue(database, session, [Notice(job_id, now + wait, alone=True) for job_id, wait in waits])


def _settle(
    database: Database,
    session: Session,
    job_ids: Sequence[int],
    status: Status,
    code: Code | None = None,
    message: str | None = None,
) -> None:
    session.execute(
        update(JobRow)
        .where(JobRow.id.in_(job_ids), JobRow.status.in_(sources(status)))
        .values(
            status=status,
            code=code,
            message=message[:_MAX_MESSAGE_CHARS] if message else None,
            lease_until=None,
            finished_at=database.now(session),
        )
    )
    count_ended(session, status, code, len(job_ids))
