"""Bundles that run beside the active one: a job of theirs for each job that succeeds, whose answer acts on nothing."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import select

from worker.audit.records import ActivationRecord, append
from worker.catalog.serving import find_bundle
from worker.db.statements.rows import insert_rows, reserve_job_ids, stored_json, stored_time
from worker.db.tables import EVERY_TENANT, BundleRow, JobRow, OutboxRow, QueueRow
from worker.db.transaction import Transaction
from worker.errors import InvalidMoveError
from worker.jobs.claims import Claim
from worker.states import Status

QUEUE = "shadow"  # its jobs come after all others
_PRIORITY = -1000
_JOB_COLUMNS = (
    *("id", "status", "attempt", "asset_id", "queue_id", "tenant_id", "metadata", "bundle_id", "created_at", "shadow"),
)
_OUTBOX_COLUMNS = ("job_id", "queue_id", "tenant_id", "alone")


def set_shadow_bundle(tx: Transaction, model: str, by: str, *, on: bool) -> BundleRow:
    """Let a bundle run beside the active one, or no more; its jobs that wait already still run.

    Raises LookupFailedError, and InvalidMoveError for the active one itself.
    """
    row = find_bundle(tx, model)
    if on and row.active:
        raise InvalidMoveError(f"{row.model} is active: it cannot be its own shadow")
    if not on and not row.shadow:
        raise InvalidMoveError(f"{row.model} is no shadow")
    row.shadow = on
    if on:
        _queue(tx)
    how: Literal["shadow", "unshadow"] = "shadow" if on else "unshadow"
    name = row.model.partition("@")[0]
    record = ActivationRecord(
        at=tx.now(), tenant=EVERY_TENANT, what="bundle", how=how, name=name, version=row.model, by=by
    )
    append(tx, [record])
    return row


def add_shadow_jobs(tx: Transaction, succeeded: Sequence[Claim]) -> None:
    """Submit the assets of jobs that succeed in this transaction to each bundle that is a shadow."""
    acting = [claim for claim in succeeded if not claim.is_shadow]
    bundles = list(tx.scalars(select(BundleRow.id).where(BundleRow.shadow))) if acting else []
    wanted = [(claim, bundle) for bundle in bundles for claim in acting if claim.bundle_id != bundle]
    if not wanted:
        return
    ids, queue, now = reserve_job_ids(tx, len(wanted)), _queue(tx), stored_time(tx, tx.now())
    jobs = [
        (job_id, Status.QUEUED.value, 0, claim.asset_id, queue, claim.tenant_id, stored_json(claim.metadata), bundle)
        for job_id, (claim, bundle) in zip(ids, wanted, strict=True)
    ]
    insert_rows(tx, JobRow, _JOB_COLUMNS, ((*job, now, True) for job in jobs))
    waiting = ((job_id, queue, claim.tenant_id, False) for job_id, (claim, _) in zip(ids, wanted, strict=True))
    insert_rows(tx, OutboxRow, _OUTBOX_COLUMNS, waiting)


def _queue(tx: Transaction) -> int:
    """The number of the queue, which is made when it is first needed."""
    found = tx.scalar(select(QueueRow.id).where(QueueRow.name == QUEUE))
    if found is not None:
        return found
    row = QueueRow(name=QUEUE, priority=_PRIORITY)
    tx.add(row)
    tx.flush()
    return row.id
