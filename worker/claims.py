"""Claim jobs by lease and attempt, and settle them; every write is fenced by the attempt."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from worker import backoff
from worker.bulk import is_any_of
from worker.database import Database
from worker.jobs import SUSPECT, Code, Status, sources
from worker.monitoring.metrics import CLAIMED, count_ended
from worker.orm import AssetRow, JobRow
from worker.outbox import Notice, enqueue

_MAX_MESSAGE_CHARS = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt at a job, held by this worker until its lease ends; a suspect's runs alone in its worker."""

    job_id: int
    attempt: int
    asset_id: int
    bundle_id: int
    uri: str
    is_suspect: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed for good."""

    claim: Claim
    code: Code
    message: str


def claim_jobs(
    database: Database, job_ids: Sequence[int], worker: str, lease_s: float, *, suspects: bool = True
) -> list[Claim]:
    """Claim those of the jobs that are queued, in the order of their ids; what others hold is passed over.

    Without `suspects`, jobs that may have killed their last worker are passed over too. Rows that are locked are waited
    for: the relay publishes before it commits, and a message passed over then would be lost.
    """
    with database.write() as session:
        free = select_claims().where(is_any_of(session, JobRow.id, job_ids), JobRow.status.in_(sources(Status.RUNNING)))
        if not suspects:
            free = free.where(or_(JobRow.code.is_(None), JobRow.code.not_in(sorted(SUSPECT))))
        found = as_claims(session, free.with_for_update(of=JobRow))
        if not found:
            return []
        lease_until = database.now(session) + timedelta(seconds=lease_s)
        session.execute(
            update(JobRow)
            .where(is_any_of(session, JobRow.id, [claim.job_id for claim in found]))
            .values(status=Status.RUNNING, attempt=JobRow.attempt + 1, lease_until=lease_until, worker=worker)
        )
    CLAIMED.inc(len(found))
    return [replace(claim, attempt=claim.attempt + 1) for claim in found]


def suspects_among(database: Database, job_ids: Sequence[int]) -> list[int]:
    """Those of the jobs that are queued and may have killed their last worker."""
    with database.read() as session:
        queued = select(JobRow.id).where(is_any_of(session, JobRow.id, job_ids), JobRow.status == Status.QUEUED)
        return list(session.scalars(queued.where(JobRow.code.in_(sorted(SUSPECT))).order_by(JobRow.id)))


def select_claims() -> Select[int, int, int, int, str, str | None]:
    """The rows of `as_claims`; which jobs, the caller adds."""
    return select(JobRow.id, JobRow.attempt, JobRow.asset_id, JobRow.bundle_id, AssetRow.uri, JobRow.code).join(
        AssetRow, AssetRow.id == JobRow.asset_id
    )


def as_claims(session: Session, query: Select[int, int, int, int, str, str | None]) -> list[Claim]:
    """Claims on the selected jobs, in the order of their ids."""
    rows = session.execute(query.order_by(JobRow.id))
    return [Claim(job, attempt, asset, bundle, uri, code in SUSPECT) for job, attempt, asset, bundle, uri, code in rows]


def extend_leases(database: Database, claims: Sequence[Claim], lease_s: float) -> None:
    """Hold on to claims for another `lease_s`."""
    with database.write() as session:
        held = held_claims(session, claims)
        lease_until = database.now(session) + timedelta(seconds=lease_s)
        session.execute(
            update(JobRow)
            .where(is_any_of(session, JobRow.id, [c.job_id for c in held]))
            .values(lease_until=lease_until)
        )


def held_claims(session: Session, claims: Sequence[Claim]) -> list[Claim]:
    """Those of the claims that still hold, locked until the transaction ends."""
    mine = is_any_of(session, JobRow.id, [claim.job_id for claim in claims])
    running = select(JobRow.id, JobRow.attempt).where(JobRow.status == Status.RUNNING, mine).order_by(JobRow.id)
    attempts = {row.id: row.attempt for row in session.execute(running.with_for_update())}
    return [claim for claim in claims if attempts.get(claim.job_id) == claim.attempt]


def mark_succeeded(database: Database, session: Session, held: Sequence[Claim]) -> None:
    """Settle held claims as succeeded."""
    _settle(database, session, [claim.job_id for claim in held], Status.SUCCEEDED)


def mark_failed(database: Database, session: Session, failures: Sequence[Failure]) -> None:
    """Settle held claims as failed, each with its code and message."""
    for failure in failures:
        _settle(database, session, [failure.claim.job_id], Status.FAILED, failure.code, failure.message)


def try_again(
    database: Database,
    session: Session,
    held: Sequence[Claim],
    message: str,
    *,
    max_attempts: int,
    wait_s: float,
    code: Code | None = None,
) -> None:
    """Give held claims back: queued again, or dead when they are out of attempts.

    A code of SUSPECT says that the asset may be to blame. Such a job is published alone and runs alone in its worker,
    and it dies of no attempt that it made in company: what ends a batch is no proof against any one of its members.
    They wait as `backoff` says, with `wait_s` as the longest first wait; 0 is no wait at all.
    """
    spent: list[Claim] = []
    again: list[Claim] = []
    for claim in held:
        is_proven = claim.is_suspect or code not in SUSPECT
        (spent if is_proven and claim.attempt >= max_attempts else again).append(claim)
    if spent:
        _settle(database, session, [claim.job_id for claim in spent], Status.DEAD, Code.OUT_OF_ATTEMPTS, message)
    if not again:
        return
    _requeue(session, again, code=code, message=message[:_MAX_MESSAGE_CHARS])
    now = database.now(session)
    due = [now + timedelta(seconds=backoff.wait_s(claim.attempt, wait_s)) if wait_s else None for claim in again]
    alone = code in SUSPECT
    enqueue(database, session, [Notice(claim.job_id, at, alone=alone) for claim, at in zip(again, due, strict=True)])


def release(database: Database, session: Session, held: Sequence[Claim]) -> None:
    """Give held claims back at once as if they had never been made: no attempt is charged."""
    if not held:
        return
    _requeue(session, held, attempt=JobRow.attempt - 1)
    enqueue(database, session, [Notice(claim.job_id, alone=claim.is_suspect) for claim in held])


def _requeue(session: Session, held: Sequence[Claim], **values: Any) -> None:
    session.execute(
        update(JobRow)
        .where(
            is_any_of(session, JobRow.id, [claim.job_id for claim in held]), JobRow.status.in_(sources(Status.QUEUED))
        )
        .values(status=Status.QUEUED, lease_until=None, published_at=None, **values)
    )


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
        .where(is_any_of(session, JobRow.id, job_ids), JobRow.status.in_(sources(status)))
        .values(
            status=status,
            code=code,
            message=message[:_MAX_MESSAGE_CHARS] if message else None,
            lease_until=None,
            finished_at=database.now(session),
        )
    )
    count_ended(session, status, code, len(job_ids))
