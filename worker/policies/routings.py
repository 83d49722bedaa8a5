"""Routings in the database: written with the labels of a job, listed, shown, forgotten with it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, literal, select, tuple_

from worker.db.statements.index_choice import IS_ACTING
from worker.db.statements.rows import insert_rows, is_any_of, stored_json, stored_time
from worker.db.tables import AssetRow, PolicyRow, RoutingRow, TenantRow
from worker.db.transaction import Transaction
from worker.errors import LookupFailedError
from worker.policies.rules.document import DEFAULT
from worker.states import Action

_CURSOR_PARTS = 3
_COLUMNS = (
    *("job_id", "policy_id", "tenant_id", "asset_id", "rule", "action", "review_queue", "collection", "priority"),
    *("tags", "sampled", "shadow", "created_at"),
)


@dataclass(frozen=True, slots=True)
class StoredRouting:
    """What one version of a policy did with a job; rule None is the default."""

    job_id: int
    policy_id: int
    tenant_id: int
    asset_id: int
    rule: str | None
    action: Action
    review_queue: str | None
    collection: str | None
    priority: int
    tags: tuple[str, ...]
    sampled: bool
    shadow: bool

    @property
    def outcome(self) -> tuple[object, ...]:
        """What happens to the asset, whichever rule said so."""
        return self.action, self.review_queue, self.collection, self.priority, self.tags


def store_routings(tx: Transaction, routings: Iterable[StoredRouting], at: datetime) -> None:
    """Write routings of jobs that succeed in this transaction."""
    now = stored_time(tx, at)
    rows = (
        (each.job_id, each.policy_id, each.tenant_id, each.asset_id, each.rule, each.action.value, each.review_queue,
         each.collection, each.priority, stored_json(each.tags or None), each.sampled, each.shadow,
         now)
        for each in routings
    )  # fmt: skip
    insert_rows(tx, RoutingRow, _COLUMNS, rows)


def changed(tx: Transaction, routings: Sequence[StoredRouting]) -> list[StoredRouting]:
    """Those after which something else happens to their asset than after the policy's routing of it before.

    One that comes after the routing of a job that was submitted later changes nothing. Shadows change nothing.
    """
    acting = [each for each in routings if not each.shadow]
    if not acting:
        return []
    query = (
        select(RoutingRow.asset_id, PolicyRow.name, RoutingRow.job_id, *_outcome_columns())
        .join(PolicyRow, PolicyRow.id == RoutingRow.policy_id)
        .where(is_any_of(tx, RoutingRow.asset_id, {each.asset_id for each in acting}), RoutingRow.shadow.is_(False))
    )
    policies = tx.execute(
        select(PolicyRow.id, PolicyRow.name).where(PolicyRow.id.in_({each.policy_id for each in acting}))
    )
    names = {row.id: row.name for row in policies}
    jobs = {each.job_id for each in acting}
    before: dict[tuple[int, str], tuple[int, tuple[object, ...]]] = {}
    for asset_id, name, job_id, action, queue, collection, priority, tags in tx.execute(query):
        known = before.get((asset_id, name))
        if job_id not in jobs and (known is None or known[0] < job_id):
            before[asset_id, name] = job_id, (action, queue, collection, priority, tuple(tags or ()))
    found = []
    for each in sorted(acting, key=lambda each: each.job_id):
        key = each.asset_id, names[each.policy_id]
        known = before.get(key)
        if known is not None and known[0] > each.job_id:
            continue
        if known is None or known[1] != each.outcome:
            found.append(each)
        before[key] = each.job_id, each.outcome
    return found


def list_routings(
    tx: Transaction,
    *,
    queue: str | None = None,
    policy: str | None = None,
    action: Action | None = None,
    shadow: bool = False,
    limit: int = 50,
    before: str | None = None,
) -> list[dict[str, Any]]:
    """The routings of the newest jobs first; `before` is the `cursor` of the last one of the page before.

    Those of one review queue as people are given them: the highest priority first. Raises LookupFailedError on what is
    no cursor.
    """
    query = _routings().where(RoutingRow.shadow if shadow else IS_ACTING)
    for column, wanted in ((RoutingRow.review_queue, queue), (RoutingRow.action, action), (PolicyRow.name, policy)):
        if wanted is not None:
            query = query.where(column == wanted)
    by_priority = (RoutingRow.priority,) if queue is not None and not shadow else ()
    place = (*by_priority, RoutingRow.job_id, RoutingRow.policy_id)
    if before is not None:
        priority, job_id, policy_id = _read_cursor(before)
        last = (*((priority,) if by_priority else ()), job_id, policy_id)
        query = query.where(tuple_(*place) < tuple_(*map(literal, last)))
    order = [column.desc() for column in place]
    return [_as_dict(*row) for row in tx.execute(query.order_by(*order).limit(limit))]


def _read_cursor(text: str) -> tuple[int, int, int]:
    """The priority, job and policy of a routing, of which a page goes on. Raises LookupFailedError."""
    parts = text.split(".")
    if len(parts) != _CURSOR_PARTS or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):  # noqa: PLR2004 (digits of 63 bits)
        raise LookupFailedError(f"{text!r:.60} is no cursor of a routing: give that of the last one of the page before")
    return int(parts[0]), int(parts[1]), int(parts[2])


def routings_of(tx: Transaction, job_ids: Sequence[int]) -> Mapping[int, list[dict[str, Any]]]:
    """By job id its routings, shadows included."""
    found: dict[int, list[dict[str, Any]]] = {job_id: [] for job_id in job_ids}
    query = _routings().where(is_any_of(tx, RoutingRow.job_id, job_ids)).order_by(RoutingRow.job_id, PolicyRow.name)
    for row in tx.execute(query.order_by(RoutingRow.policy_id)):
        found[row[0].job_id].append(_as_dict(*row))
    return found


def show_routings(tx: Transaction, job_id: int) -> list[dict[str, Any]]:
    """The routings of one job. Raises LookupFailedError when it has none."""
    found = routings_of(tx, [job_id])[job_id]
    if not found:
        raise LookupFailedError(f"job {job_id} has no routing")
    return found


def forget_routings(tx: Transaction, job_ids: Sequence[int]) -> None:
    """Delete the routings of jobs that are to be deleted."""
    tx.execute(delete(RoutingRow).where(is_any_of(tx, RoutingRow.job_id, job_ids)))


def _routings() -> Any:
    return (
        select(RoutingRow, PolicyRow.name, PolicyRow.version, TenantRow.name, AssetRow.name)
        .join(PolicyRow, PolicyRow.id == RoutingRow.policy_id)
        .join(TenantRow, TenantRow.id == RoutingRow.tenant_id)
        .join(AssetRow, AssetRow.id == RoutingRow.asset_id)
    )


def _as_dict(row: RoutingRow, policy: str, version: int, tenant: str, asset: str) -> dict[str, Any]:
    return {
        "job": row.job_id,
        "tenant": tenant,
        "name": asset,
        "policy": policy,
        "version": version,
        "rule": row.rule or DEFAULT,
        "action": row.action,
        "queue": row.review_queue,
        "collection": row.collection,
        "priority": row.priority,
        "tags": row.tags or [],
        "sampled": row.sampled,
        "shadow": row.shadow,
        "created_at": row.created_at.isoformat(),
        "cursor": f"{row.priority}.{row.job_id}.{row.policy_id}",
    }


def _outcome_columns() -> Iterator[Any]:
    yield from (RoutingRow.action, RoutingRow.review_queue, RoutingRow.collection, RoutingRow.priority, RoutingRow.tags)
