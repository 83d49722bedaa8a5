"""What people see of jobs: rows for lists, one whole job, and whether any is open."""

import time
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, Select, func, select

from worker.db.engine import Database
from worker.db.statements.counts import COUNTED
from worker.db.statements.rows import is_any_of
from worker.db.tables import AssetRow, BundleRow, DecisionRow, JobRow, QueueRow, TenantRow
from worker.db.transaction import Transaction
from worker.errors import LookupFailedError
from worker.states import OPEN, Status


def list_jobs(
    tx: Transaction,
    *,
    status: Status | None = None,
    batch: int | None = None,
    asset_id: int | None = None,
    limit: int = 50,
    before: int | None = None,
) -> list[dict[str, Any]]:
    """The newest jobs first, all or of one batch or asset; `before` is the id at which the page before ended.

    Without those of shadows.
    """
    query = _jobs().where(JobRow.shadow.is_(False)).order_by(JobRow.id.desc()).limit(limit)
    if status is not None:
        query = query.where(JobRow.status == status)
    if batch is not None:
        query = query.where(JobRow.batch_id == batch)
    if asset_id is not None:
        query = query.where(JobRow.asset_id == asset_id)
    if before is not None:
        query = query.where(JobRow.id < before)
    return [_as_dict(row) for row in tx.execute(query)]


def page_of_jobs(
    tx: Transaction, *, status: Status | None = None, batch: int | None = None, limit: int, before: int | None = None
) -> tuple[list[dict[str, Any]], int | None]:
    """The newest jobs first, and the id to go on `before`; None at the end. Without those of shadows.

    Of one status no more than 10,000 jobs are looked at for a page, so that none takes long however rare the status is:
    a page may hold few of them, or none, and not be the last.
    """
    window = select(JobRow.id, JobRow.status).where(JobRow.shadow.is_(False)).order_by(JobRow.id.desc())
    if batch is not None:
        window = window.where(JobRow.batch_id == batch)
    elif tx.tenant_id is not None:
        window = window.where(JobRow.tenant_id == tx.tenant_id)  # for its index: the transaction sees no others anyway
    if before is not None:
        window = window.where(JobRow.id < before)
    if status is None:
        ids = list(tx.scalars(window.with_only_columns(JobRow.id).limit(limit + 1)))
        page, last = ids[:limit], ids[limit - 1] if len(ids) > limit else None
    else:
        seen = window.limit(COUNTED).subquery()
        chosen = select(seen.c.id).where(seen.c.status == status).order_by(seen.c.id.desc())
        page = list(tx.scalars(chosen.limit(limit)))
        count, smallest = tx.execute(select(func.count(), func.min(seen.c.id))).one()
        last = page[-1] if len(page) == limit else smallest if count == COUNTED else None
    found = find_jobs(tx, page)
    return [found[job_id] for job_id in page if job_id in found], last


def show_job(tx: Transaction, job_id: int) -> dict[str, Any]:
    """One job with its prediction, None until it succeeded. Raises LookupFailedError."""
    row = tx.execute(_jobs().where(JobRow.id == job_id)).one_or_none()
    if row is None:
        raise LookupFailedError(f"no job has the id {job_id}")
    decision = tx.get(DecisionRow, job_id)
    return {**_as_dict(row), "prediction": decision.prediction if decision else None}


def find_jobs(tx: Transaction, job_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Those of the jobs that there are, by id."""
    return {row[0].id: _as_dict(row) for row in tx.execute(_jobs().where(is_any_of(tx, JobRow.id, job_ids)))}


def jobs_of(tx: Transaction, job_ids: Sequence[int]) -> list[dict[str, Any]]:
    """These jobs in the order of their ids. Raises LookupFailedError when one is missing."""
    found = [_as_dict(row) for row in tx.execute(_jobs().where(is_any_of(tx, JobRow.id, job_ids)).order_by(JobRow.id))]
    missing = sorted(set(job_ids) - {job["job"] for job in found})
    if missing:
        raise LookupFailedError(f"no job has the id {missing[0]}")
    return found


def open_jobs(database: Database) -> bool:
    """Whether any job is queued or running."""
    with database.read() as tx:
        return tx.scalar(select(JobRow.id).where(JobRow.status.in_(sorted(OPEN))).limit(1)) is not None


def wait_for_jobs(database: Database, job_ids: list[int], timeout_s: float | None, poll_s: float) -> bool:
    """Wait until none of the jobs is open; False when the time is up first."""
    end = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        with database.read() as tx:
            query = select(JobRow.id).where(is_any_of(tx, JobRow.id, job_ids), JobRow.status.in_(sorted(OPEN))).limit(1)
            if tx.scalar(query) is None:
                return True
        if end is not None and time.monotonic() > end:
            return False
        time.sleep(poll_s)


def _jobs() -> Select[JobRow, str, str, str, str, str]:
    return (
        select(JobRow, AssetRow.uri, AssetRow.name, BundleRow.model, QueueRow.name, TenantRow.name)
        .join(AssetRow, AssetRow.id == JobRow.asset_id)
        .join(BundleRow, BundleRow.id == JobRow.bundle_id)
        .join(QueueRow, QueueRow.id == JobRow.queue_id)
        .join(TenantRow, TenantRow.id == JobRow.tenant_id)
    )


def _as_dict(row: Row[JobRow, str, str, str, str, str]) -> dict[str, Any]:
    job, uri, name, model, queue, tenant = row
    return {
        "job": job.id,
        "status": job.status,
        "asset": uri,
        "name": name,
        "batch": job.batch_id,
        "model": model,
        "queue": queue,
        "tenant": tenant,
        "metadata": job.details,
        "attempt": job.attempt,
        "code": job.code,
        "message": job.message,
        "created_at": job.created_at.isoformat(),
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
    }
