"""One batch of assets: which come next, and the rows that their labels become."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Row, select

from worker.db.statements.index_choice import is_of_release
from worker.db.tables import LabelRow, RelabellingRow
from worker.db.transaction import Transaction
from worker.labels.relabelling.carry import Carrying, Label
from worker.labels.storage import MODEL


class Carried(NamedTuple):
    """Rows for the labels and the reviews tables."""

    labels: list[dict[str, Any]]
    reviews: list[dict[str, Any]]


def next_assets(tx: Transaction, release_id: int, cursor: int, batch: int) -> Sequence[int]:
    """The next assets after the cursor that have labels on the release, in the order of their ids."""
    query = select(LabelRow.asset_id).where(is_of_release(release_id), LabelRow.asset_id > cursor).distinct()
    return tx.scalars(query.order_by(LabelRow.asset_id).limit(batch)).all()


def carried(tx: Transaction, row: RelabellingRow, assets: Sequence[int], carrying: Carrying) -> Carried:
    """The new rows of these assets; what a model has labelled on the new release itself is left as it is."""
    here = LabelRow.asset_id.between(assets[0], assets[-1])
    native = select(LabelRow.asset_id, LabelRow.bundle_id).where(
        is_of_release(row.to_release_id), here, LabelRow.relabelling_id.is_(None), LabelRow.source == MODEL
    )
    labelled_anew = {(asset_id, bundle_id) for asset_id, bundle_id in tx.execute(native.distinct())}
    stored = tx.execute(
        select(*_COLUMNS)
        .where(is_of_release(row.from_release_id), here)
        .order_by(LabelRow.asset_id, LabelRow.bundle_id)
    )
    found = Carried([], [])
    for (asset_id, bundle_id, source), rows in groupby(stored, key=_labeller):
        if (asset_id, bundle_id) in labelled_anew:
            continue
        moved, lost = carrying.carry([Label(each.node_id, each.confidence, each.on_path) for each in rows])
        fixed = {
            "asset_id": asset_id,
            "release_id": row.to_release_id,
            "bundle_id": bundle_id,
            "source": source,
            "relabelling_id": row.id,
        }
        found.labels.extend(
            {**fixed, "node_id": m.node, "level": m.level, "confidence": m.confidence, "on_path": m.on_path}
            for m in moved
        )
        found.reviews.extend(
            {"relabelling_id": row.id, "asset_id": asset_id, "node_id": each.node, "change": each.change.value}
            for each in lost
        )
    return found


_COLUMNS = (
    LabelRow.asset_id,
    LabelRow.bundle_id,
    LabelRow.source,
    LabelRow.node_id,
    LabelRow.confidence,
    LabelRow.on_path,
)


def _labeller(row: Row[int, int, str, str, float, bool]) -> tuple[int, int, str]:
    return row.asset_id, row.bundle_id, row.source
