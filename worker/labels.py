"""Labels in the database: write those of a batch, and find assets by node and confidence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.orm import Session

from classifier.decision import AssetPrediction
from worker.claims import Claim
from worker.orm import AssetRow, BundleRow, DecisionRow, LabelRow

MODEL = "model"


@dataclass(frozen=True, slots=True)
class LabelledAsset:
    """An asset that carries a node, with the confidence of that node."""

    asset_id: int
    asset: str
    node: str
    level: int
    confidence: float
    on_path: bool
    source: str
    model: str | None


def store_predictions(session: Session, results: Sequence[tuple[Claim, AssetPrediction]], release_id: int) -> None:
    """Write labels and decisions of one bundle; what it said of these assets in this release before is replaced."""
    latest = {claim.asset_id: (claim, prediction) for claim, prediction in results}
    bundle_ids = {claim.bundle_id for claim, _ in results}
    assets = select(AssetRow.id).where(AssetRow.id.in_(latest)).order_by(AssetRow.id)
    session.execute(assets.with_for_update()).all()  # two jobs on one asset write one after the other
    session.execute(
        delete(LabelRow).where(
            LabelRow.asset_id.in_(latest),
            LabelRow.release_id == release_id,
            LabelRow.bundle_id.in_(bundle_ids),
            LabelRow.source == MODEL,
        )
    )
    session.execute(insert(LabelRow), [row for pair in latest.values() for row in _label_rows(*pair, release_id)])
    session.execute(insert(DecisionRow), [_decision_row(*pair) for pair in results])


def labels_under(
    session: Session,
    release_id: int,
    node_id: str,
    min_confidence: float,
    *,
    limit: int,
    after: tuple[float, int] | None = None,
) -> Iterator[LabelledAsset]:
    """Assets at or below a node with at least this confidence, most confident first.

    `after` is the (confidence, asset id) of the last asset of the page before: pages far back cost no more.
    """
    query = (
        select(LabelRow, AssetRow.uri, BundleRow.model)
        .join(AssetRow, AssetRow.id == LabelRow.asset_id)
        .outerjoin(BundleRow, BundleRow.id == LabelRow.bundle_id)
        .where(LabelRow.release_id == release_id, LabelRow.node_id == node_id, LabelRow.confidence >= min_confidence)
        .order_by(LabelRow.confidence.desc(), LabelRow.asset_id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(LabelRow.confidence, LabelRow.asset_id) < after)
    for label, uri, model in session.execute(query):
        yield LabelledAsset(
            label.asset_id, uri, label.node_id, label.level, label.confidence, label.on_path, label.source, model
        )


def _label_rows(claim: Claim, prediction: AssetPrediction, release_id: int) -> Iterator[dict[str, Any]]:
    for label, on_path in zip(prediction.levels, prediction.on_path(), strict=True):
        yield {
            "asset_id": claim.asset_id,
            "release_id": release_id,
            "bundle_id": claim.bundle_id,
            "node_id": label.node,
            "level": label.level,
            "confidence": label.confidence,
            "on_path": on_path,
            "source": MODEL,
        }


def _decision_row(claim: Claim, prediction: AssetPrediction) -> dict[str, Any]:
    decision = prediction.decision
    return {
        "job_id": claim.job_id,
        "asset_id": claim.asset_id,
        "node_id": decision.node,
        "level": decision.level,
        "confidence": decision.confidence,
        "reason": decision.reason,
        "prediction": prediction.as_dict(),
    }
