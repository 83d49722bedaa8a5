"""Delete an asset with all that is known of it, and record that it was done."""

from sqlalchemy import delete, insert, select

from worker.assets.queries import find_asset
from worker.audit.people import MAX_BY_CHARS
from worker.audit.records import DeletionRecord, append, name_sha256
from worker.db.engine import Database
from worker.db.statements.rows import is_any_of, last_job_id
from worker.db.tables import AssetRow, DecisionRow, DeletionRow, JobRow, LabelRow, OutboxRow, ReviewRow
from worker.db.transaction import Transaction
from worker.policies.routings import forget_routings


class _NewJobError(Exception):
    """A job was submitted between two looks."""


def delete_asset(database: Database, tenant: str, name: str, deleted_by: str) -> int:
    """Delete labels, decisions, jobs and the asset in one transaction; return how many jobs there were.

    What a worker still finds for a job that runs is thrown away: its claim holds no more. Raises LookupFailedError.
    """
    while True:
        try:
            with database.write() as tx:
                return _delete(tx, find_asset(tx, tenant, name), deleted_by)
        except _NewJobError:
            continue


def _delete(tx: Transaction, asset: AssetRow, deleted_by: str) -> int:
    """Locks jobs first and the asset after them, as the store of a worker does, so that neither waits in a circle."""
    jobs = select(JobRow.id).where(JobRow.asset_id == asset.id).order_by(JobRow.id)
    ids = list(tx.scalars(jobs.with_for_update()))
    tx.execute(select(AssetRow.id).where(AssetRow.id == asset.id).with_for_update()).all()
    if list(tx.scalars(jobs)) != ids:
        raise _NewJobError
    last = last_job_id(tx)
    tx.execute(delete(LabelRow).where(LabelRow.asset_id == asset.id))
    tx.execute(delete(ReviewRow).where(ReviewRow.asset_id == asset.id))
    tx.execute(delete(DecisionRow).where(DecisionRow.asset_id == asset.id))
    tx.execute(delete(OutboxRow).where(is_any_of(tx, OutboxRow.job_id, ids)))
    forget_routings(tx, ids)
    tx.execute(delete(JobRow).where(is_any_of(tx, JobRow.id, ids)))
    tx.execute(delete(AssetRow).where(AssetRow.id == asset.id))
    record = DeletionRecord(
        at=tx.now(),
        tenant=asset.tenant_id,
        asset_sha256=name_sha256(asset.name),
        job_count=len(ids),
        by=deleted_by[:MAX_BY_CHARS],
    )
    tx.execute(
        insert(DeletionRow).values(
            tenant_id=record.tenant,
            name_sha256=record.asset_sha256,
            job_count=record.job_count,
            last_job_id=last,
            deleted_at=record.at,
            deleted_by=record.by,
        )
    )
    append(tx, [record])
    return len(ids)
