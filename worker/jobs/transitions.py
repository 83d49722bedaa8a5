"""How an attempt at a job ends: succeeded, failed, tried again, or given back. Every write is fenced by the attempt."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from worker import backoff
from worker.db.engine import Database
from worker.db.statements import is_any_of
from worker.db.tables import JobRow
from worker.dispatch.outbox import Notice, enqueue
from worker.jobs.claims import Claim, Failure
from worker.states import SUSPECT, Code, Status, sources
from worker.telemetry.metrics import count_ended

_MAX_MESSAGE_CHARS = 500


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
