"""Choose assets whose labels are stale, missing or doubted, and submit them again."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from worker.catalog.nodes import find_node
from worker.catalog.serving import active_bundle, find_bundle, serving_release
from worker.db.engine import Database
from worker.db.tables import (
    DEFAULT_TENANT,
    HUMAN,
    AssetRow,
    JobRow,
    LabelRow,
    RelabellingRow,
    ReviewRow,
    TenantRow,
)
from worker.db.transaction import Transaction
from worker.dispatch.queues import DEFAULT_DESTINATION, Destination
from worker.jobs.submission import CHUNK, Request, submit
from worker.states import OPEN, Status

_FAILED = (Status.FAILED, Status.DEAD)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which assets to classify again. The first three widen the choice, the other two narrow it, or stand alone.

    stale: labelled by models, but not by the active bundle in the release it answers in, or listed for review when its
    labels were moved there. failed: the newest job failed or is dead. unlabelled: no label at all.
    under: a node, by id, path, name or alias, at which it is labelled in any release. model: the version that labelled.
    """

    stale: bool = False
    failed: bool = False
    unlabelled: bool = False
    under: str | None = None
    model: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not any(getattr(self, field.name) for field in fields(self))


def count_chosen(tx: Transaction, choice: Choice) -> dict[str, int]:
    """How many assets each reason chooses, and all together; those with an open job are not counted."""
    reasons = _reasons(tx, choice)
    narrow = _narrowed(tx, choice)
    counts = {
        name: tx.scalar(select(func.count()).select_from(AssetRow).where(reason, *narrow)) or 0
        for name, reason in reasons.items()
    }
    chosen = or_(*reasons.values()) if reasons else narrow[0]
    counts["total"] = tx.scalar(select(func.count()).select_from(AssetRow).where(chosen, *narrow)) or 0
    return counts


def reclassify(
    database: Database,
    choice: Choice,
    destination: Destination = DEFAULT_DESTINATION,
    *,
    limit: int | None = None,
) -> Iterator[list[int]]:
    """Submit the chosen assets to the active bundle as one batch, chunk by chunk; yields the job ids.

    Jobs are for the tenant of the destination, or for that of each asset where it is the default one, and have the
    metadata of the asset's newest job. An asset with an open job is passed over, so that a second run does not double
    the work. Raises LookupFailedError on an unknown node or model, and when no bundle is active.
    """
    yield from submit(database, _chosen(database, choice, destination, limit), destination)


def _chosen(database: Database, choice: Choice, destination: Destination, limit: int | None) -> Iterator[Request]:
    """A request for each chosen asset, in the order of their ids, read page by page."""
    cursor, left = 0, limit
    while left is None or left > 0:
        with database.read() as tx:
            found = _next_chosen(tx, choice, cursor, CHUNK if left is None else min(CHUNK, left))
        if not found:
            return
        cursor = found[-1].id
        left = None if left is None else left - len(found)
        for asset in found:
            tenant = asset.tenant if destination.tenant == DEFAULT_TENANT else None
            yield Request(asset.uri, tenant=tenant, metadata=asset.metadata, asset=asset.id)


class _Chosen(NamedTuple):
    id: int
    uri: str
    tenant: str
    metadata: dict[str, Any] | None  # of its newest job


def _next_chosen(tx: Transaction, choice: Choice, cursor: int, count: int) -> list[_Chosen]:
    reasons = _reasons(tx, choice)
    chosen = [or_(*reasons.values())] if reasons else []
    of_asset = JobRow.asset_id == AssetRow.id, JobRow.shadow.is_(False)
    newest = select(func.max(JobRow.id)).where(*of_asset).scalar_subquery()
    said = aliased(JobRow)
    query = (
        select(AssetRow.id, AssetRow.uri, TenantRow.name, said.details)
        .join(TenantRow, TenantRow.id == AssetRow.tenant_id)
        .outerjoin(said, said.id == newest)
        .where(AssetRow.id > cursor, *chosen, *_narrowed(tx, choice))
    )
    return [_Chosen(*row) for row in tx.execute(query.order_by(AssetRow.id).limit(count))]


def _reasons(tx: Transaction, choice: Choice) -> dict[str, ColumnElement[bool]]:
    """What chooses an asset, by name; each is answered for one asset by an index."""
    labels = select(LabelRow.asset_id).where(LabelRow.asset_id == AssetRow.id)
    reasons: dict[str, ColumnElement[bool]] = {}
    if choice.stale:
        reasons["stale"] = _is_stale(tx, labels)
    if choice.failed:
        later = aliased(JobRow)
        newest = ~exists().where(later.asset_id == JobRow.asset_id, later.id > JobRow.id, later.shadow.is_(False))
        mine = JobRow.asset_id == AssetRow.id, JobRow.shadow.is_(False)
        failed = exists().where(*mine, JobRow.status.in_(_FAILED), newest)
        reasons["failed"] = failed
    if choice.unlabelled:
        reasons["unlabelled"] = ~labels.exists()
    return reasons


def _is_stale(tx: Transaction, labels: Select[int]) -> ColumnElement[bool]:
    bundle = active_bundle(tx)
    release = serving_release(tx, bundle.id)
    fresh = labels.where(LabelRow.release_id == release.id, LabelRow.bundle_id == bundle.id)
    listed = exists().where(
        ReviewRow.asset_id == AssetRow.id,
        ReviewRow.relabelling_id == RelabellingRow.id,
        RelabellingRow.to_release_id == release.id,
    )
    answered_since = fresh.where(LabelRow.relabelling_id.is_(None))
    by_models = labels.where(LabelRow.bundle_id != HUMAN)
    return or_(and_(by_models.exists(), ~fresh.exists()), and_(listed, ~answered_since.exists()))


def _narrowed(tx: Transaction, choice: Choice) -> list[ColumnElement[bool]]:
    """What every chosen asset must satisfy: no open job first of all."""
    narrow: list[ColumnElement[bool]] = [
        ~exists().where(JobRow.asset_id == AssetRow.id, JobRow.status.in_(sorted(OPEN)))
    ]
    labelled: list[Any] = []
    if choice.under is not None:
        release = serving_release(tx, active_bundle(tx).id)
        labelled.append(LabelRow.node_id == find_node(tx, release.id, choice.under).node_id)
    if choice.model is not None:
        labelled.append(LabelRow.bundle_id == find_bundle(tx, choice.model).id)
    if labelled:
        narrow.append(exists().where(LabelRow.asset_id == AssetRow.id, *labelled))
    return narrow
