"""What people see of assets: one with all that is known of it, and pages of all."""

from typing import Any

from sqlalchemy import select

from worker.db.tables import AssetRow, BundleRow, DecisionRow, JobRow, LabelRow, ReleaseRow
from worker.db.transaction import Transaction
from worker.dispatch.queues import find_tenant
from worker.errors import LookupFailedError
from worker.jobs.batches import FAILURES
from worker.jobs.queries import list_jobs


def find_asset(tx: Transaction, tenant: str, name: str) -> AssetRow:
    """The asset of that name. Raises LookupFailedError."""
    found = select(AssetRow).where(AssetRow.tenant_id == find_tenant(tx, tenant), AssetRow.name == name)
    row = tx.scalar(found)
    if row is None:
        raise LookupFailedError(f"no asset of tenant {tenant!r} is named {name!r}")
    return row


def asset_name(tx: Transaction, asset_id: int) -> str:
    """The name of the asset of that number. Raises LookupFailedError."""
    name = tx.scalar(select(AssetRow.name).where(AssetRow.id == asset_id))
    if name is None:
        raise LookupFailedError(f"no asset has the id {asset_id}")
    return name


def list_assets(tx: Transaction, tenant: str, *, limit: int = 50, after: str | None = None) -> list[dict[str, Any]]:
    """The assets of a tenant by name; `after` is the name at which the page before ended. Raises LookupFailedError."""
    query = select(AssetRow).where(AssetRow.tenant_id == find_tenant(tx, tenant))
    if after is not None:
        query = query.where(AssetRow.name > after)
    return [_as_dict(row, tenant) for row in tx.scalars(query.order_by(AssetRow.name).limit(limit))]


def show_asset(tx: Transaction, tenant: str, name: str, *, jobs: int = 20) -> dict[str, Any]:
    """One asset with its labels, the newest prediction and its newest jobs. Raises LookupFailedError.

    `newest_failed`: whether the newest job failed or is dead; labels and prediction are then of an earlier one.
    """
    row = find_asset(tx, tenant, name)
    newest = list_jobs(tx, asset_id=row.id, limit=jobs)
    return {
        **_as_dict(row, tenant),
        "newest_failed": bool(newest) and newest[0]["status"] in FAILURES,
        "prediction": _newest_prediction(tx, row.id),
        "labels": _labels(tx, row.id),
        "jobs": newest,
    }


def _newest_prediction(tx: Transaction, asset_id: int) -> dict[str, Any] | None:
    decisions = (
        select(DecisionRow.prediction)
        .join(JobRow, JobRow.id == DecisionRow.job_id)
        .where(DecisionRow.asset_id == asset_id, JobRow.shadow.is_(False))
    )
    return tx.scalar(decisions.order_by(DecisionRow.job_id.desc()).limit(1))


def _labels(tx: Transaction, asset_id: int) -> list[dict[str, Any]]:
    query = (
        select(LabelRow, ReleaseRow.release, BundleRow.model)
        .join(ReleaseRow, ReleaseRow.id == LabelRow.release_id)
        .outerjoin(BundleRow, BundleRow.id == LabelRow.bundle_id)
        .where(LabelRow.asset_id == asset_id)
        .order_by(LabelRow.release_id.desc(), LabelRow.bundle_id, LabelRow.level, LabelRow.confidence.desc())
    )
    return [
        {
            "level": label.level,
            "node": label.node_id,
            "confidence": label.confidence,
            "on_path": label.on_path,
            "source": label.source,
            "model": model,
            "release": release,
        }
        for label, release, model in tx.execute(query)
    ]


def _as_dict(row: AssetRow, tenant: str) -> dict[str, Any]:
    return {
        "asset_id": row.id,
        "name": row.name,
        "tenant": tenant,
        "asset": row.uri,
        "content_sha256": row.content_sha256,
        "pdq": row.pdq,
        "pdq_quality": row.pdq_quality,
    }
