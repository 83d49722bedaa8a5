"""How a policy survives a new release: its nodes are mapped as labels are, and what is nowhere is told."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select

from taxonomy.changes.diff import Difference, diff
from taxonomy.changes.mapping import NO_MAPPING, NodeMapping
from worker.catalog.releases import stored_taxonomy
from worker.db.engine import Database
from worker.db.statements.rows import insert_into
from worker.db.tables import PolicyNodesRow, PolicyRow, RelabellingRow, ReleaseRow
from worker.db.transaction import Transaction

_FAR = 1000  # relabellings that are followed from one release to another


class Lost(NamedTuple):
    """A node that a policy names and that another release does not have."""

    policy: str
    node: str


def known_nodes(tx: Transaction, policy_id: int, release_id: int) -> Mapping[str, str | None] | None:
    """What a policy calls nodes -> ids in a release; None where they were not mapped yet."""
    row = tx.get(PolicyNodesRow, (policy_id, release_id))
    return None if row is None else row.nodes


def map_nodes(database: Database, policy_id: int, release_id: int) -> Mapping[str, str | None]:
    """Map the nodes of a policy to another release, and keep what was found; releases are compared in no transaction.

    A node that was split or removed is nowhere: no rule reaches further than it was written for.
    """
    with database.read() as tx:
        policy = tx.get_one(PolicyRow, policy_id)
        before, after = tx.get_one(ReleaseRow, policy.release_id), tx.get_one(ReleaseRow, release_id)
        for row in (before, after):
            tx.refresh(row, ["taxonomy"])  # it is deferred
        own = known_nodes(tx, policy_id, policy.release_id) or {}
        mapping = said_mapping(tx, before.id, after.id)
    found = moved(own, diff(stored_taxonomy(before), stored_taxonomy(after), mapping))
    with database.write() as tx:
        values = {"policy_id": policy_id, "release_id": release_id, "nodes": found}
        tx.execute(insert_into(tx, PolicyNodesRow).values(values).on_conflict_do_nothing())
    return found


def moved(own: Mapping[str, str | None], difference: Difference) -> dict[str, str | None]:
    """What a policy calls nodes -> where these went."""
    found: dict[str, str | None] = {}
    for text, node in own.items():
        change = None if node is None else difference.of_old.get(node)
        found[text] = change.new[0] if change is not None and len(change.new) == 1 else None
    return found


def lost_nodes(tx: Transaction, difference: Difference, release_id: int) -> list[Lost]:
    """The nodes of active and shadow policies that a change loses: what is told before another release is active."""
    found = []
    query = select(PolicyRow, PolicyNodesRow.nodes).join(
        PolicyNodesRow, (PolicyNodesRow.policy_id == PolicyRow.id) & (PolicyNodesRow.release_id == release_id)
    )
    for row, nodes in tx.execute(query.where(PolicyRow.active | PolicyRow.shadow).order_by(PolicyRow.id)):
        after = moved(nodes, difference)
        name = f"{row.name}@{row.version}"
        found += [Lost(name, text) for text, node in nodes.items() if node is not None and after[text] is None]
    return found


def said_mapping(tx: Transaction, from_id: int, to_id: int) -> NodeMapping:
    """What relabellings between two releases were told about nodes, one after the other; nothing where none was."""
    mapping, here = NO_MAPPING, from_id
    for row in _way(tx, from_id, to_id):
        said = NodeMapping({old: tuple(new) for old, new in json.loads(row.mapping).items()})
        mapping = said if here == from_id else mapping.then(said)
        here = row.to_release_id
    return mapping


def _way(tx: Transaction, from_id: int, to_id: int) -> Sequence[RelabellingRow]:
    """The relabellings that lead from one release to another by the fewest steps."""
    by_start: dict[int, list[RelabellingRow]] = {}
    for row in tx.scalars(select(RelabellingRow).order_by(RelabellingRow.id.desc()).limit(_FAR)):
        by_start.setdefault(row.from_release_id, []).append(row)
    ways: dict[int, list[RelabellingRow]] = {from_id: []}
    pending = [from_id]
    for here in pending:
        for row in by_start.get(here, ()):
            if row.to_release_id not in ways:
                ways[row.to_release_id] = [*ways[here], row]
                pending.append(row.to_release_id)
    return ways.get(to_id, [])
