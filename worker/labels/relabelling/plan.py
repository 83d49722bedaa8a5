"""Before any label is moved: how many stored labels and jobs each kind of change touches, and what happens to them."""

from collections import Counter
from typing import Any

from sqlalchemy import func, select

from taxonomy.changes.diff import ChangeKind, Difference
from worker.db.tables import HUMAN, BundleRow, DecisionRow, JobRow, LabelRow, ReleaseRow
from worker.db.transaction import Transaction

ACTIONS = {
    ChangeKind.UNCHANGED: "carried over",
    ChangeKind.RENAMED: "carried over",
    ChangeKind.MOVED: "carried over, with the new ancestors",
    ChangeKind.RENAMED_AND_MOVED: "carried over, with the new ancestors",
    ChangeKind.MERGED: "carried over to the node it merged into",
    ChangeKind.SPLIT: "falls back to the nearest surviving ancestor; the asset is listed for review",
    ChangeKind.REMOVED: "falls back to the nearest surviving ancestor; the asset is listed for review",
    ChangeKind.ADDED: "has no labels yet",
}


def plan_relabelling(tx: Transaction, before: ReleaseRow, after: ReleaseRow, difference: Difference) -> dict[str, Any]:
    """Counts by kind of change; the database groups by node, so that no table is loaded.

    labels: rows at nodes of the kind, human_labels: those given by people, jobs: decisions at such nodes.
    without_ancestor: labels at nodes of which no ancestor survives; their assets keep no label, and are listed.
    """
    labels, human, jobs = (
        _label_counts(tx, before.id),
        _label_counts(tx, before.id, human=True),
        _job_counts(tx, before.id),
    )
    kinds = {old: change.kind for old, change in difference.of_old.items()}
    changes = []
    for kind in ChangeKind:
        nodes = [old for old, found in kinds.items() if found is kind]
        count = len(nodes) if kind is not ChangeKind.ADDED else difference.counts[kind]
        changes.append(
            {
                "change": kind.value,
                "nodes": count,
                "labels": sum(labels[node] for node in nodes),
                "human_labels": sum(human[node] for node in nodes),
                "jobs": sum(jobs[node] for node in nodes),
                "action": ACTIONS[kind],
            }
        )
    return {
        "from": before.release,
        "to": after.release,
        "labels": labels.total(),
        "without_ancestor": sum(labels[old] for old, carrier in difference.carriers.items() if carrier is None),
        "changes": changes,
    }


def _label_counts(tx: Transaction, release_id: int, *, human: bool = False) -> Counter[str]:
    query = (
        select(LabelRow.node_id, func.count().label("labels"))
        .where(LabelRow.release_id == release_id)
        .group_by(LabelRow.node_id)
    )
    if human:
        query = query.where(LabelRow.bundle_id == HUMAN)
    return Counter({row.node_id: row.labels for row in tx.execute(query)})


def _job_counts(tx: Transaction, release_id: int) -> Counter[str]:
    query = (
        select(DecisionRow.node_id, func.count())
        .join(JobRow, JobRow.id == DecisionRow.job_id)
        .join(BundleRow, BundleRow.id == JobRow.bundle_id)
        .where(BundleRow.release_id == release_id, DecisionRow.node_id.is_not(None))
        .group_by(DecisionRow.node_id)
    )
    return Counter({node: count for node, count in tx.execute(query) if node is not None})
