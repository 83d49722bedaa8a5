"""Claim jobs by lease and attempt; every write on a claim is fenced by the attempt."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Select, or_, select, update

from worker.db.engine import Database
from worker.db.statements.rows import is_any_of
from worker.db.tables import AssetRow, JobRow
from worker.db.transaction import Transaction
from worker.states import SUSPECT, Code, Status, sources
from worker.telemetry.metrics import CLAIMED


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt at a job, held by this worker until its lease ends; a suspect runs alone in its worker."""

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
    with database.write() as tx:
        free = select_claims().where(is_any_of(tx, JobRow.id, job_ids), JobRow.status.in_(sources(Status.RUNNING)))
        if not suspects:
            free = free.where(or_(JobRow.code.is_(None), JobRow.code.not_in(sorted(SUSPECT))))
        found = as_claims(tx, free.with_for_update(of=JobRow))
        if not found:
            return []
        lease_until = tx.now() + timedelta(seconds=lease_s)
        tx.execute(
            update(JobRow)
            .where(is_any_of(tx, JobRow.id, [claim.job_id for claim in found]))
            .values(status=Status.RUNNING, attempt=JobRow.attempt + 1, lease_until=lease_until, worker=worker)
        )
    CLAIMED.inc(len(found))
    return [replace(claim, attempt=claim.attempt + 1) for claim in found]


def suspects_among(database: Database, job_ids: Sequence[int]) -> list[int]:
    """Those of the jobs that are queued and may have killed their last worker."""
    with database.read() as tx:
        queued = select(JobRow.id).where(is_any_of(tx, JobRow.id, job_ids), JobRow.status == Status.QUEUED)
        return list(tx.scalars(queued.where(JobRow.code.in_(sorted(SUSPECT))).order_by(JobRow.id)))


def select_claims() -> Select[int, int, int, int, str, Code | None]:
    """The rows of `as_claims`; which jobs, the caller adds."""
    return select(JobRow.id, JobRow.attempt, JobRow.asset_id, JobRow.bundle_id, AssetRow.uri, JobRow.code).join(
        AssetRow, AssetRow.id == JobRow.asset_id
    )


def as_claims(tx: Transaction, query: Select[int, int, int, int, str, Code | None]) -> list[Claim]:
    """Claims on the selected jobs, in the order of their ids."""
    rows = tx.execute(query.order_by(JobRow.id))
    return [Claim(job, attempt, asset, bundle, uri, code in SUSPECT) for job, attempt, asset, bundle, uri, code in rows]


def extend_leases(database: Database, claims: Sequence[Claim], lease_s: float) -> None:
    """Let claims hold for another `lease_s`."""
    with database.write() as tx:
        held = held_claims(tx, claims)
        lease_until = tx.now() + timedelta(seconds=lease_s)
        tx.execute(
            update(JobRow).where(is_any_of(tx, JobRow.id, [c.job_id for c in held])).values(lease_until=lease_until)
        )


def held_claims(tx: Transaction, claims: Sequence[Claim]) -> list[Claim]:
    """Those of the claims that still hold, locked until the transaction ends."""
    mine = is_any_of(tx, JobRow.id, [claim.job_id for claim in claims])
    running = select(JobRow.id, JobRow.attempt).where(JobRow.status == Status.RUNNING, mine).order_by(JobRow.id)
    attempts = {row.id: row.attempt for row in tx.execute(running.with_for_update())}
    return [claim for claim in claims if attempts.get(claim.job_id) == claim.attempt]
