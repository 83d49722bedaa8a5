"""Labels in the database: write those of a batch, and find assets by node and confidence."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, not_, select

import classifier
from worker.db.statements.counts import COUNTED
from worker.db.statements.index_choice import is_of_release, is_on_later_page
from worker.db.statements.rows import insert_rows, is_any_of
from worker.db.tables import AssetRow, BundleRow, DecisionRow, JobRow, LabelRow
from worker.db.transaction import Transaction
from worker.jobs.claims import Claim
from worker.labels.contents import NO_CONTENTS, Content, store_contents
from worker.states import Status

MODEL = "model"

_LABEL_COLUMNS = ("asset_id", "release_id", "bundle_id", "source", "node_id", "level", "confidence", "on_path")
_DECISION_COLUMNS = ("job_id", "asset_id", "node_id", "level", "confidence", "reason", "prediction", "content_sha256")


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
    name: str


def store_predictions(
    tx: Transaction,
    results: Sequence[tuple[Claim, "classifier.AssetPrediction"]],
    release_id: int,
    contents: Mapping[int, Content] = NO_CONTENTS,
) -> None:
    """Write labels and decisions of one bundle; what it said of these assets in this release before is replaced.

    Of several jobs on one asset the labels of the one submitted last stay, whichever ends last. Of a shadow's answer
    the decision alone is kept. The caller holds the assets, by `hold_assets`. contents: by job id, what predictions
    were made of; it is kept with the assets.
    """
    in_order = sorted(results, key=lambda result: result[0].job_id)
    latest = {claim.asset_id: (claim, prediction) for claim, prediction in in_order if not claim.is_shadow}
    bundle_ids = {claim.bundle_id for claim, _ in latest.values()}
    for asset_id in _labelled_by_later_jobs(tx, [claim for claim, _ in latest.values()], release_id):
        del latest[asset_id]
    tx.execute(
        delete(LabelRow).where(
            is_any_of(tx, LabelRow.asset_id, latest),
            is_of_release(release_id),
            LabelRow.bundle_id.in_(bundle_ids),
            LabelRow.source == MODEL,
        )
    )
    labels = (row for claim, prediction in latest.values() for row in _label_rows(claim, prediction, release_id))
    insert_rows(tx, LabelRow, _LABEL_COLUMNS, labels)
    insert_rows(tx, DecisionRow, _DECISION_COLUMNS, (_decision_row(*result, contents) for result in results))
    seen = [(asset_id, contents[claim.job_id]) for asset_id, (claim, _) in latest.items() if claim.job_id in contents]
    store_contents(tx, seen)


def labels_under(
    tx: Transaction,
    release_id: int,
    node_id: str,
    min_confidence: float,
    *,
    limit: int,
    after: tuple[float, int] | None = None,
    until: tuple[float, int] | None = None,
) -> Iterator[LabelledAsset]:
    """Assets at or below a node with at least this confidence, most confident first.

    `after` is the (confidence, asset id) of the last asset of the page before: pages far back cost no more. Nothing
    behind the place `until` is looked at.
    """
    query = (
        select(
            LabelRow.asset_id,
            AssetRow.uri,
            LabelRow.node_id,
            LabelRow.level,
            LabelRow.confidence,
            LabelRow.on_path,
            LabelRow.source,
            BundleRow.model,
            AssetRow.name,
        )
        .select_from(LabelRow)
        .join(AssetRow, AssetRow.id == LabelRow.asset_id)
        .outerjoin(BundleRow, BundleRow.id == LabelRow.bundle_id)
        .where(LabelRow.release_id == release_id, LabelRow.node_id == node_id, LabelRow.confidence >= min_confidence)
        .order_by(LabelRow.confidence.desc(), LabelRow.asset_id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(is_on_later_page(*after))
    if until is not None:
        query = query.where(not_(is_on_later_page(*until)))
    for row in tx.execute(query):
        yield LabelledAsset(*row)


def page_of_labels(
    tx: Transaction,
    release_id: int,
    node_id: str,
    min_confidence: float,
    *,
    limit: int,
    after: tuple[float, int] | None = None,
) -> tuple[list[LabelledAsset], tuple[float, int] | None]:
    """As `labels_under`, for one tenant among many: the page, and the place to go on `after`; None at the end.

    No more than 10,000 labels, of whichever tenant, are looked at for a page: it may hold few assets, or none, and not
    be the last.
    """
    seen = (
        select(LabelRow.confidence, LabelRow.asset_id)
        .where(LabelRow.release_id == release_id, LabelRow.node_id == node_id, LabelRow.confidence >= min_confidence)
        .order_by(LabelRow.confidence.desc(), LabelRow.asset_id.desc())
    )
    if after is not None:
        seen = seen.where(is_on_later_page(*after))
    last = tx.execute(seen.offset(COUNTED - 1).limit(1)).one_or_none()
    end = None if last is None else (last.confidence, last.asset_id)
    page = list(labels_under(tx, release_id, node_id, min_confidence, limit=limit, after=after, until=end))
    return page, (page[-1].confidence, page[-1].asset_id) if len(page) == limit else end


def _labelled_by_later_jobs(tx: Transaction, claims: Sequence[Claim], release_id: int) -> set[int]:
    """The assets on which a job of the same bundle that was submitted later has succeeded, and has labels here."""
    mine = {claim.asset_id: claim for claim in claims}
    of_assets = select(JobRow.asset_id, JobRow.bundle_id, JobRow.status, func.max(JobRow.id)).where(
        is_any_of(tx, JobRow.asset_id, mine), JobRow.shadow.is_(False)
    )
    ended = tx.execute(of_assets.group_by(JobRow.asset_id, JobRow.bundle_id, JobRow.status))
    passed = {
        asset_id
        for asset_id, bundle_id, status, job_id in ended
        if status == Status.SUCCEEDED and bundle_id == mine[asset_id].bundle_id and job_id > mine[asset_id].job_id
    }
    if not passed:
        return passed
    labelled = select(LabelRow.asset_id, LabelRow.bundle_id).where(
        is_any_of(tx, LabelRow.asset_id, passed), is_of_release(release_id), LabelRow.source == MODEL
    )
    found = tx.execute(labelled.distinct())
    return {asset_id for asset_id, bundle_id in found if bundle_id == mine[asset_id].bundle_id}


def _label_rows(claim: Claim, prediction: "classifier.AssetPrediction", release_id: int) -> Iterator[tuple[Any, ...]]:
    """In the order of _LABEL_COLUMNS."""
    fixed = claim.asset_id, release_id, claim.bundle_id, MODEL
    for label, on_path in zip(prediction.levels, prediction.on_path(), strict=True):
        yield *fixed, label.node, label.level, label.confidence, on_path


def _decision_row(
    claim: Claim, prediction: "classifier.AssetPrediction", contents: Mapping[int, Content]
) -> tuple[Any, ...]:
    """In the order of _DECISION_COLUMNS."""
    content = contents.get(claim.job_id)
    decision = prediction.decision
    whole = json.dumps(prediction.as_dict())
    said = decision.node, decision.level, decision.confidence, decision.reason, whole
    return claim.job_id, claim.asset_id, *said, content.sha256 if content else None
