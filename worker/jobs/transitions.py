"""How an attempt at a job ends: succeeded, failed, tried again, or given back. Every write is fenced by the attempt."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from worker import backoff
from worker.db.statements.rows import is_any_of
from worker.db.tables import JobRow
from worker.db.transaction import Transaction
from worker.dispatch.outbox import Notice, enqueue
from worker.events.outbox import Event, record_events
from worker.jobs.claims import Claim, Failure
from worker.states import SUSPECT, Code, EventKind, Status, sources
from worker.telemetry.metrics import count_ended
from worker.telemetry.redaction import safe_message

_MAX_MESSAGE_CHARS = 500


def mark_succeeded(tx: Transaction, held: Sequence[Claim]) -> None:
    """Finish held claims as succeeded, and tell of it."""
    ended = _finish(tx, held, Status.SUCCEEDED)
    record_events(tx, [Event(EventKind.JOB_SUCCEEDED, claim.tenant_id, claim.job_id) for claim in ended])


def mark_failed(tx: Transaction, failures: Sequence[Failure]) -> None:
    """Finish held claims as failed, each with its code and message, and tell of it."""
    events: list[Event] = []
    for failure in failures:
        ended = _finish(tx, [failure.claim], Status.FAILED, failure.code, failure.message)
        events += _failed_events(ended, Status.FAILED, failure.code)
    record_events(tx, events)


def try_again(
    tx: Transaction,
    held: Sequence[Claim],
    message: str,
    *,
    max_attempts: int,
    wait_s: float,
    code: Code | None = None,
) -> None:
    """Queue held claims again, or let them be dead when they are out of attempts.

    A code of SUSPECT says that the asset may be to blame. Such a job runs with few others that are suspects too, alone
    on its last attempt, and an attempt that it did not make alone never makes it dead: any of them may be to blame.
    They wait as `backoff` says, with `wait_s` as the longest first wait; 0 is no wait at all.
    """
    spent: list[Claim] = []
    again: list[Claim] = []
    for claim in held:
        is_proven = claim.is_alone or code not in SUSPECT
        (spent if is_proven and claim.charged >= max_attempts else again).append(claim)
    if spent:
        ended = _finish(tx, spent, Status.DEAD, Code.OUT_OF_ATTEMPTS, message)
        record_events(tx, _failed_events(ended, Status.DEAD, Code.OUT_OF_ATTEMPTS))
    if not again:
        return
    _requeue(tx, again, code=code, message=_stored(message))
    now = tx.now()
    due = [now + timedelta(seconds=backoff.wait_s(claim.charged, wait_s)) if wait_s else None for claim in again]
    alone = code in SUSPECT
    enqueue(tx, [Notice(claim.job_id, at, alone=alone) for claim, at in zip(again, due, strict=True)])


def give_back(tx: Transaction, held: Sequence[Claim]) -> None:
    """Give held claims back at once, as if they had never been made: none is charged, though each has its number."""
    if not held:
        return
    _requeue(tx, held, charged=JobRow.charged - 1)
    enqueue(tx, [Notice(claim.job_id, alone=claim.is_suspect) for claim in held])


def postpone(tx: Transaction, held: Sequence[Claim], message: str, wait_s: float) -> None:
    """Queue held claims again for when their host will answer; no attempt is charged."""
    _requeue(tx, held, charged=JobRow.charged - 1, message=_stored(message))
    due = tx.now() + timedelta(seconds=wait_s)
    enqueue(tx, [Notice(claim.job_id, due, alone=claim.is_suspect) for claim in held])


def _stored(message: str) -> str:
    return safe_message(message)[:_MAX_MESSAGE_CHARS]


def _requeue(tx: Transaction, held: Sequence[Claim], **values: Any) -> None:
    tx.execute(
        update(JobRow)
        .where(is_any_of(tx, JobRow.id, [claim.job_id for claim in held]), JobRow.status.in_(sources(Status.QUEUED)))
        .values(status=Status.QUEUED, lease_until=None, published_at=None, **values)
    )


def _finish(
    tx: Transaction,
    held: Sequence[Claim],
    status: Status,
    code: Code | None = None,
    message: str | None = None,
) -> list[Claim]:
    """Those that have ended so, and are to be told of: shadows are not."""
    finished = (
        update(JobRow)
        .where(is_any_of(tx, JobRow.id, [claim.job_id for claim in held]), JobRow.status.in_(sources(status)))
        .values(
            status=status,
            code=code,
            message=_stored(message) if message else None,
            lease_until=None,
            finished_at=tx.now(),
        )
    )
    ended = set(tx.scalars(finished.returning(JobRow.id)))
    count_ended(tx, status, code, len(ended))
    return [claim for claim in held if claim.job_id in ended and not claim.is_shadow]


def _failed_events(ended: Sequence[Claim], status: Status, code: Code) -> list[Event]:
    details = {"status": status.value, "code": code.value}
    return [Event(EventKind.JOB_FAILED, claim.tenant_id, claim.job_id, details=details) for claim in ended]
