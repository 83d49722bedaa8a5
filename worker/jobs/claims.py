"""Claim jobs by lease and attempt; every write on a claim is fenced by the attempt."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, or_, select, update

from worker.db.engine import Database
from worker.db.statements.rows import is_any_of
from worker.db.tables import FIRST, AssetRow, JobRow
from worker.db.transaction import Transaction
from worker.states import SUSPECT, Code, Status, sources
from worker.telemetry.metrics import CLAIMED


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt at a job, held by this worker until its lease ends.

    `attempt` is never used twice for a job. `charged` counts those that its budget was charged with, this one included;
    one that was given back, or that waited for a host, is not. A suspect runs with few others, which are suspects too.
    What is found for a shadow is kept apart and acts on nothing.
    """

    job_id: int
    attempt: int
    asset_id: int
    bundle_id: int
    uri: str
    is_suspect: bool = False
    charged: int = 1
    is_alone: bool = False  # a suspect that runs with no other job in its worker
    tenant_id: int = FIRST
    name: str = ""  # of the asset, as its tenant knows it
    metadata: dict[str, Any] | None = field(default=None, compare=False)
    is_shadow: bool = False
    submitted_at: datetime | None = field(default=None, compare=False)


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
    for: the relay publishes before it commits, and a message passed over then would be lost. A suspect that is claimed
    with no other job counts as alone: the caller lets nothing else run beside it.
    """
    with database.write() as tx:
        free = select_claims().where(is_any_of(tx, JobRow.id, job_ids), JobRow.status.in_(sources(Status.RUNNING)))
        if not suspects:
            free = free.where(or_(JobRow.code.is_(None), JobRow.code.not_in(sorted(SUSPECT))))
        found = as_claims(tx, free.with_for_update(of=JobRow))
        if not found:
            return []
        is_alone = len(found) == 1 and found[0].is_suspect
        counted = {"attempt": JobRow.attempt + 1, "charged": JobRow.charged + 1, "alone": is_alone}
        lease_until = tx.now() + timedelta(seconds=lease_s)
        tx.execute(
            update(JobRow)
            .where(is_any_of(tx, JobRow.id, [claim.job_id for claim in found]))
            .values(status=Status.RUNNING, lease_until=lease_until, worker=worker, **counted)
        )
    CLAIMED.inc(len(found))
    return [replace(c, attempt=c.attempt + 1, charged=c.charged + 1, is_alone=is_alone) for c in found]


def suspects_among(database: Database, job_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Those of the jobs that are queued and may have killed their last worker, with the attempts charged so far."""
    with database.read() as tx:
        mine = select(JobRow.id, JobRow.charged).where(is_any_of(tx, JobRow.id, job_ids))
        found = tx.execute(mine.where(JobRow.status == Status.QUEUED, JobRow.code.in_(sorted(SUSPECT))))
        return [(job_id, charged) for job_id, charged in found]


_ClaimColumns = Select[int, int, int, int, str, Code | None, int, bool, int, str, dict[str, Any] | None, bool, datetime]


def select_claims() -> _ClaimColumns:
    """The rows of `as_claims`; which jobs, the caller adds."""
    mine = JobRow.id, JobRow.attempt, JobRow.asset_id, JobRow.bundle_id
    state = JobRow.code, JobRow.charged, JobRow.alone
    submitted = JobRow.tenant_id, AssetRow.name, JobRow.details, JobRow.shadow, JobRow.created_at
    columns = select(*mine, AssetRow.uri, *state, *submitted)
    return columns.join(AssetRow, AssetRow.id == JobRow.asset_id)


def as_claims(tx: Transaction, query: _ClaimColumns) -> list[Claim]:
    """Claims on the selected jobs, in the order of their ids."""
    rows = tx.execute(query.order_by(JobRow.id))
    return [
        Claim(job, attempt, asset, bundle, uri, code in SUSPECT, charged, alone, tenant, name, metadata, shadow, at)
        for job, attempt, asset, bundle, uri, code, charged, alone, tenant, name, metadata, shadow, at in rows
    ]


def extend_leases(database: Database, claims: Sequence[Claim], lease_s: float) -> None:
    """Let claims hold for another `lease_s`."""
    with database.write() as tx:
        held = held_claims(tx, claims)
        lease_until = tx.now() + timedelta(seconds=lease_s)
        tx.execute(
            update(JobRow).where(is_any_of(tx, JobRow.id, [c.job_id for c in held])).values(lease_until=lease_until)
        )


def held_claims(tx: Transaction, claims: Sequence[Claim]) -> list[Claim]:
    """Those of the claims that still hold, locked until the transaction ends.

    An id that was purged may name another job by now: asset and bundle must be those that were claimed.
    """
    mine = is_any_of(tx, JobRow.id, [claim.job_id for claim in claims])
    fence = select(JobRow.id, JobRow.attempt, JobRow.asset_id, JobRow.bundle_id)
    running = fence.where(JobRow.status == Status.RUNNING, mine).order_by(JobRow.id)
    found = {tuple(row) for row in tx.execute(running.with_for_update())}
    return [claim for claim in claims if (claim.job_id, claim.attempt, claim.asset_id, claim.bundle_id) in found]
