"""What changed between two releases of a taxonomy: every node sorted into one kind of change."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from taxonomy.graph import Taxonomy


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


def diff(before: Taxonomy, after: Taxonomy) -> Difference:
    """Sort every node of both releases into one kind of change, by their ids."""
    changes = [_by_id(node.id, before, after) for node in before]
    changes += [Change(ChangeKind.ADDED, None, (node.id,)) for node in after if node.id not in before]
    return Difference(before, after, tuple(changes))


def _by_id(node_id: str, before: Taxonomy, after: Taxonomy) -> Change:
    if node_id not in after:
        return Change(ChangeKind.REMOVED, node_id, ())
    old, new = before[node_id], after[node_id]
    kinds = {
        (False, False): ChangeKind.UNCHANGED,
        (True, False): ChangeKind.RENAMED,
        (False, True): ChangeKind.MOVED,
        (True, True): ChangeKind.RENAMED_AND_MOVED,
    }
    return Change(kinds[old.name != new.name, old.parents != new.parents], node_id, (node_id,))
