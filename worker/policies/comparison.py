"""How a shadow compares with what it runs beside: a policy's routings, or a bundle's answers."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Subquery, Text, cast, func, select
from sqlalchemy.orm import aliased

from classifier.inference.prediction import AssetPrediction, read_stored
from worker.db.tables import BundleRow, DecisionRow, JobRow, PolicyRow, RoutingRow
from worker.db.transaction import Transaction
from worker.policies.rules.document import DEFAULT
from worker.states import Status

_FETCHED = 1000  # rows at once
_NODES = 200  # that are told of


def compare_policy(tx: Transaction, row: PolicyRow, since: datetime | None = None) -> dict[str, Any]:
    """A shadow's routings beside those of the active versions of its name on the same jobs.

    `{jobs, agree, flips, by_rule, by_queue}`: agree is the share of jobs of which the same becomes.
    """
    acting, active = aliased(RoutingRow), aliased(PolicyRow)
    shadow = RoutingRow.policy_id == row.id, RoutingRow.shadow
    columns = [*_outcome(acting), *_outcome(RoutingRow)]
    query = (
        select(*columns, func.count())
        .join(acting, (acting.job_id == RoutingRow.job_id) & acting.shadow.is_(False))
        .join(active, (active.id == acting.policy_id) & (active.name == row.name))
        .where(*shadow)
        .group_by(*columns)
    )
    if since is not None:
        query = query.where(RoutingRow.created_at >= since)
    rules, places = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    jobs = flips = 0
    for row_ in tx.execute(query):
        *outcomes, count = row_
        (old_rule, *old), (new_rule, *new) = outcomes[:6], outcomes[6:]
        jobs += count
        flips += count if old != new else 0
        rules[old_rule or DEFAULT, new_rule or DEFAULT] += count
        places[old[1] or str(old[0]), new[1] or str(new[0])] += count
    return {
        "jobs": jobs,
        "flips": flips,
        "agree": (jobs - flips) / jobs if jobs else None,
        "by_rule": _told(rules),
        "by_queue": _told(places),
    }


def _outcome(table: Any) -> list[Any]:
    """The rule, and all that it does with an asset."""
    name = "before" if table is not RoutingRow else "after"
    tags = cast(table.tags, Text).label(f"{name}_tags")
    return [table.rule, table.action, table.review_queue, table.collection, table.priority, tags]


def compare_bundle(tx: Transaction, row: BundleRow, since: datetime | None = None) -> dict[str, Any]:
    """A shadow's answers beside those that it runs beside, asset by asset.

    `{jobs, decisions, by_level, by_node, routings}`. decisions: how many jobs both leave undecided, decide alike,
    decide otherwise, or only one decides. by_level: at how many assets both have the same best node. by_node: the
    same at each node of the acting answers, the least agreed first. routings: where the active policies would put the
    shadow's answers instead.
    """
    decisions, levels, same = Counter[str](), Counter[int](), Counter[int]()
    nodes, alike = Counter[str](), Counter[str]()
    jobs = 0
    for mine, its in _pairs(tx, row, since):
        jobs += 1
        decisions[_verdict(mine, its)] += 1
        its_nodes = {label.level: label.node for label in its.levels}
        for label in mine.levels:
            is_same = its_nodes.get(label.level) == label.node
            levels[label.level] += 1
            same[label.level] += is_same
            nodes[label.node] += 1
            alike[label.node] += is_same
    return {
        "jobs": jobs,
        "decisions": dict(decisions),
        "by_level": [
            {"level": level, "jobs": jobs_, "agree": same[level] / jobs_} for level, jobs_ in sorted(levels.items())
        ],
        "by_node": [
            {"node": node, "jobs": nodes[node], "agree": alike[node] / nodes[node]}
            for node in sorted(nodes, key=lambda node: (alike[node] / nodes[node], -nodes[node], node))[:_NODES]
        ],
        "routings": _told(_routings(tx, row, since)),
    }


def _verdict(mine: AssetPrediction, its: AssetPrediction) -> str:
    old, new = mine.decision.node, its.decision.node
    if old == new:
        return "same" if old is not None else "both undecided"
    if old is None or new is None:
        return "only the shadow decides" if old is None else "only the active one decides"
    return "other"


def _beside(row: BundleRow, since: datetime | None) -> Subquery:
    """shadow_id of the jobs of a shadow that succeeded, acting_id of the newest acting job of the asset before each."""
    acting = aliased(JobRow)
    newest = (
        select(func.max(acting.id))
        .where(acting.asset_id == JobRow.asset_id, acting.id < JobRow.id, acting.shadow.is_(False))
        .where(acting.status == Status.SUCCEEDED)
        .correlate(JobRow)
        .scalar_subquery()
    )
    shadows = select(JobRow.id.label("shadow_id"), newest.label("acting_id"))
    shadows = shadows.where(JobRow.bundle_id == row.id, JobRow.shadow, JobRow.status == Status.SUCCEEDED)
    if since is not None:
        shadows = shadows.where(JobRow.created_at >= since)
    return shadows.subquery()


def _pairs(
    tx: Transaction, row: BundleRow, since: datetime | None
) -> Iterator[tuple[AssetPrediction, AssetPrediction]]:
    pairs = _beside(row, since)
    mine, its = aliased(DecisionRow), aliased(DecisionRow)
    query = (
        select(cast(mine.prediction, Text).label("acting"), cast(its.prediction, Text).label("shadow"))
        .select_from(pairs)
        .join(mine, mine.job_id == pairs.c.acting_id)
        .join(its, its.job_id == pairs.c.shadow_id)
    )
    for old, new in tx.execute(query.execution_options(yield_per=_FETCHED)):
        yield read_stored(old), read_stored(new)


def _routings(tx: Transaction, row: BundleRow, since: datetime | None) -> Counter[tuple[str, str]]:
    pairs = _beside(row, since)
    mine, its = aliased(RoutingRow), aliased(RoutingRow)
    columns = mine.action, mine.review_queue, its.action, its.review_queue
    query = (
        select(*columns, func.count())
        .select_from(pairs)
        .join(mine, (mine.job_id == pairs.c.acting_id) & mine.shadow.is_(False))
        .join(its, (its.job_id == pairs.c.shadow_id) & (its.policy_id == mine.policy_id))
        .group_by(*columns)
    )
    found = Counter[tuple[str, str]]()
    for action, queue, would, would_queue, jobs in tx.execute(query):
        found[queue or str(action), would_queue or str(would)] += jobs
    return found


def _told(counts: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"before": before, "after": after, "jobs": jobs} for (before, after), jobs in ordered]
