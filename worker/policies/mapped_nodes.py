"""How a policy survives a new release: its nodes are mapped as labels are, and what is nowhere is told."""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import delete, select

from taxonomy.changes.diff import Difference, diff
from taxonomy.changes.mapping import NO_MAPPING, NodeMapping
from taxonomy.formats.registry import get_format
from worker.db.engine import Database
from worker.db.statements.rows import insert_into
from worker.db.tables import PolicyNodesRow, PolicyRow, RelabellingRow, ReleaseRow
from worker.db.transaction import Transaction
from worker.policies.rules.nodes import Mapped
from worker.states import RelabellingStatus

_FAR = 1000  # relabellings that are followed from one release to another
_KEPT = 4  # differences between two releases: all policies of a moment need the same one
_UNDONE = (RelabellingStatus.ROLLING_BACK, RelabellingStatus.ROLLED_BACK)


class Lost(NamedTuple):
    """A node that a policy names and that another release does not have."""

    policy: str
    node: str


def known_nodes(tx: Transaction, policy_id: int, release_id: int) -> Mapped | None:
    """What a policy calls nodes -> ids in a release; None where they were not mapped yet."""
    row = tx.get(PolicyNodesRow, (policy_id, release_id))
    return None if row is None else row.nodes


def map_nodes(database: Database, policy_id: int, release_id: int) -> Mapped:
    """Map the nodes of a policy to another release, and keep what was found; releases are compared in no transaction.

    A node that was split or removed is nowhere: no rule reaches further than it was written for.
    """
    with database.read() as tx:
        own_id = tx.get_one(PolicyRow, policy_id).release_id
        own = known_nodes(tx, policy_id, own_id) or {}
        texts = [_text_of(tx, each) for each in (own_id, release_id)]
        mapping = said_mapping(tx, own_id, release_id)
    found = moved(own, _difference(*texts, _as_key(mapping)))
    with database.write() as tx:
        values = {"policy_id": policy_id, "release_id": release_id, "nodes": found}
        tx.execute(insert_into(tx, PolicyNodesRow).values(values).on_conflict_do_nothing())
    return found


def forget_mapped(tx: Transaction, release_id: int) -> None:
    """Forget how policies were mapped to a release, as labels move there, or back, by other words.

    Workers map anew within a minute.
    """
    own = select(PolicyRow.id).where(PolicyRow.release_id == release_id)
    mapped = PolicyNodesRow.release_id == release_id, PolicyNodesRow.policy_id.not_in(own)
    tx.execute(delete(PolicyNodesRow).where(*mapped))


def moved(own: Mapped, difference: Difference) -> dict[str, str | Sequence[str]]:
    """What a policy calls nodes -> where these went, or what is left of those that went nowhere."""
    found: dict[str, str | Sequence[str]] = {}
    for text, node in own.items():
        change = difference.of_old.get(node) if isinstance(node, str) else None
        if change is not None and len(change.new) == 1:
            found[text] = change.new[0]
        else:
            found[text] = list(dict.fromkeys(_left_of(node, difference))) if isinstance(node, str) else []
    return found


def lost_nodes(tx: Transaction, before: ReleaseRow, after: ReleaseRow, mapping: NodeMapping) -> list[Lost]:
    """The nodes of active and shadow policies that are nowhere in `after`: told before that is active.

    mapping: what is said of nodes from `before`, which is active, to `after`.
    """
    found = []
    for row in tx.scalars(select(PolicyRow).where(PolicyRow.active | PolicyRow.shadow).order_by(PolicyRow.id)):
        own = known_nodes(tx, row.id, row.release_id) or {}
        is_here = row.release_id == before.id
        said = mapping if is_here else said_mapping(tx, row.release_id, before.id).then(mapping)
        text = before.taxonomy if is_here else _text_of(tx, row.release_id)
        went = moved(own, _difference(text, after.taxonomy, _as_key(said)))
        name = f"{row.name}@{row.version}"
        found += [
            Lost(name, text) for text, node in own.items() if isinstance(node, str) and not isinstance(went[text], str)
        ]
    return found


def _left_of(node: str, difference: Difference) -> Iterator[str]:
    """The parts of a split node; of a removed one the nearest nodes below it that are there still."""
    change = difference.of_old.get(node)
    if change is not None and change.new:
        yield from change.new
        return
    pending, seen = [node], {node}
    for here in pending:
        for child in difference.before.children(here):
            if child.id in seen:
                continue
            seen.add(child.id)
            change = difference.of_old.get(child.id)
            if change is not None and change.new:
                yield from change.new
            else:
                pending.append(child.id)


_Key = tuple[tuple[str, tuple[str, ...]], ...]


def _as_key(mapping: NodeMapping) -> _Key:
    return tuple(sorted(mapping.targets.items()))


@lru_cache(_KEPT)
def _difference(before: str, after: str, said: _Key) -> Difference:
    parse = get_format("canonical-json").parse
    return diff(parse(before, "the policy's release"), parse(after, "the release"), NodeMapping(dict(said)))


def _text_of(tx: Transaction, release_id: int) -> str:
    row = tx.get_one(ReleaseRow, release_id)
    tx.refresh(row, ["taxonomy"])  # it is deferred
    return row.taxonomy


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
    standing = select(RelabellingRow).where(RelabellingRow.status.not_in(_UNDONE))
    for row in tx.scalars(standing.order_by(RelabellingRow.id.desc()).limit(_FAR)):
        by_start.setdefault(row.from_release_id, []).append(row)
    ways: dict[int, list[RelabellingRow]] = {from_id: []}
    pending = [from_id]
    for here in pending:
        for row in by_start.get(here, ()):
            if row.to_release_id not in ways:
                ways[row.to_release_id] = [*ways[here], row]
                pending.append(row.to_release_id)
    return ways.get(to_id, [])
