"""What changed between two releases of a taxonomy: every node sorted into one kind of change."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from taxonomy.changes.mapping import NO_MAPPING, NodeMapping
from taxonomy.changes.matching import Match, match_nodes
from taxonomy.graph import Node, Taxonomy


class ChangeKind(StrEnum):
    """The kinds of change, in the order in which they are shown."""

    UNCHANGED = "unchanged"
    RENAMED = "renamed"
    MOVED = "moved"
    RENAMED_AND_MOVED = "renamed_and_moved"
    MERGED = "merged"
    SPLIT = "split"
    REMOVED = "removed"
    ADDED = "added"


_KINDS = {  # by (renamed, moved)
    (False, False): ChangeKind.UNCHANGED,
    (True, False): ChangeKind.RENAMED,
    (False, True): ChangeKind.MOVED,
    (True, True): ChangeKind.RENAMED_AND_MOVED,
}


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one old node, or an added node (`old` is None).

    new: ids in the new release: one, but several for a split, none for a removed node.
    certainty: in (0, 1]; 1 for the same id and for an explicit mapping. by: what the match rests on.
    """

    kind: ChangeKind
    old: str | None
    new: tuple[str, ...]
    certainty: float = 1.0
    by: str = "id"


@dataclass(frozen=True, eq=False)
class Difference:
    """All changes from release `before` to release `after`: old nodes by id, then added nodes by id."""

    before: Taxonomy
    after: Taxonomy
    changes: tuple[Change, ...]

    @cached_property
    def counts(self) -> Mapping[ChangeKind, int]:
        """How many nodes there are of each kind; every kind is a key."""
        found = dict.fromkeys(ChangeKind, 0)
        for change in self.changes:
            found[change.kind] += 1
        return found

    def as_dict(self) -> dict[str, Any]:
        """`{counts, nodes}` as plain JSON values: what `cladist taxonomy diff --json` prints."""
        return {
            "counts": {kind.value: count for kind, count in self.counts.items()},
            "nodes": [self._node(change) for change in self.changes],
        }

    def _node(self, change: Change) -> dict[str, Any]:
        return {
            "change": change.kind.value,
            "from": change.old,
            "to": list(change.new),
            "from_path": self.old_path(change),
            "to_paths": self.new_paths(change),
            "certainty": change.certainty,
            "by": change.by,
        }

    def old_path(self, change: Change) -> list[str] | None:
        """The names from a root to the old node; None for an added one."""
        return None if change.old is None else [node.name for node in self.before.path(change.old)]

    def new_paths(self, change: Change) -> list[list[str]]:
        """The names from a root to each new node."""
        return [[node.name for node in self.after.path(new)] for new in change.new]

    @cached_property
    def of_old(self) -> Mapping[str, Change]:
        """Old node id -> its change."""
        return {change.old: change for change in self.changes if change.old is not None}

    def target(self, old: str) -> str | None:
        """The one new node that carries the old one's labels on; None where there is none, or several (a split)."""
        new = self.of_old[old].new
        return new[0] if len(new) == 1 else None

    @cached_property
    def carriers(self) -> Mapping[str, str | None]:
        """Old node id -> the new node its labels move to.

        That is its target; for a split or removed node the target of its nearest ancestor that has one (the nearest
        by edges, ties by id); None where no ancestor survives.
        """
        found: dict[str, str | None] = {}
        for old in self.before.levels:  # parents stand before their children
            own = self.target(old)
            above = self._nearest_above(old, found) if own is None else None
            found[old] = own if own is not None else above
        return found

    def _nearest_above(self, old: str, carriers: Mapping[str, str | None]) -> str | None:
        seen: set[str] = set()
        ring = list(self.before[old].parents)
        while ring:
            survivors = [parent for parent in sorted(set(ring)) if self.target(parent) is not None]
            if survivors:
                return carriers[survivors[0]]
            seen.update(ring)
            ring = [above for parent in ring for above in self.before[parent].parents if above not in seen]
        return None


def diff(before: Taxonomy, after: Taxonomy, mapping: NodeMapping = NO_MAPPING) -> Difference:
    """Sort every node of both releases into one kind of change; `mapping` speaks before any other match.

    merged: several old nodes became one, and this is not the one whose id it is. moved: the parents are not what the
    old parents became; a child of a renamed or merged node has not moved, nor has a child of any part of a split one.
    added: a new node that no old one became, and that was not there before.
    """
    matches = match_nodes(before, after, mapping)
    became = {old: set(match.new) for old, match in matches.items()}
    sources = Counter(match.new[0] for match in matches.values() if len(match.new) == 1)
    changes = [_change(node, matches.get(node.id), sources, became, after) for node in before]
    ids = {node.id for node in before}
    known = ids | {new for match in matches.values() for new in match.new}
    changes += [Change(ChangeKind.ADDED, None, (node.id,), 1.0, "") for node in after if node.id not in known]
    return Difference(before, after, tuple(changes))


def _change(
    old: Node, match: Match | None, sources: Counter[str], became: Mapping[str, set[str]], after: Taxonomy
) -> Change:
    if match is None or not match.new:
        return Change(ChangeKind.REMOVED, old.id, (), 1.0, match.by if match else "")
    if len(match.new) > 1:
        return Change(ChangeKind.SPLIT, old.id, match.new, match.certainty, match.by)
    new = after[match.new[0]]
    if sources[new.id] > 1 and old.id != new.id:
        kind = ChangeKind.MERGED
    else:
        kind = _KINDS[old.name != new.name, _has_moved(old, new, became)]
    return Change(kind, old.id, match.new, match.certainty, match.by)


def _has_moved(old: Node, new: Node, became: Mapping[str, set[str]]) -> bool:
    parts = [became.get(parent, set()) for parent in old.parents]
    above = set(new.parents)
    return not (all(part & above for part in parts) and above <= set().union(*parts))
