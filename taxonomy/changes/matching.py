"""Match the nodes of two releases: by mapping and id, by replacement, by alias, by name and place."""

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from taxonomy.changes.mapping import NodeMapping
from taxonomy.graph import Node, Taxonomy

# How certain each kind of match is. Only the first three are facts; the others are guesses that a person may check.
CERTAINTIES = {
    "mapping": 1.0,
    "id": 1.0,
    "replaced_by": 1.0,
    "alias": 0.9,
    "name and place": 0.8,
    "content": 0.7,
    "name": 0.6,
}


Content = int | None  # a hash of what lies below; none for a leaf


class Match(NamedTuple):
    """The new nodes that an old one became, and what says so; none where nothing does."""

    new: tuple[str, ...]
    by: str

    @property
    def certainty(self) -> float:
        """In (0, 1]."""
        return CERTAINTIES[self.by]


def match_nodes(before: Taxonomy, after: Taxonomy, mapping: NodeMapping) -> dict[str, Match]:
    """Old node id -> its match; removed nodes are missing, or match nothing by an explicit mapping.

    Facts first: the mapping, the same id, `replaced_by`. Then, among nodes that no fact speaks of, alias, name and
    place, and name alone where the name is the only one of its kind on both sides and parents or children agree;
    last, by
    content: what holds the same names below. So a renamed node, or a root put above all, loses nothing below it, though
    every path changes. Two candidates that are equally good are no match.
    """
    found: dict[str, Match] = {}
    for node in before:
        match = _fact(node, after, mapping)
        if match is not None:
            found[node.id] = match
    taken = {new for match in found.values() for new in match.new}
    state = _State(before, after, found, {node.id for node in after if node.id not in taken})
    state.match("alias", _name, _aliases, lambda _old, _new: True)
    state.match("alias", _aliases, _name, lambda _old, _new: True)
    state.match("name and place", _name, _name, state.same_place)
    state.match("name", _name, _name, state.same_surroundings)
    if all(node.id in (node.name, before.path_text(node.id)) for node in before):  # known by paths: no ids of their own
        state.match_by_content()
    return found


def _name(node: Node) -> tuple[str, ...]:
    return (node.name,)


def _aliases(node: Node) -> tuple[str, ...]:
    return node.aliases


def _by_content(taxonomy: Taxonomy, wanted: set[str]) -> dict[Content, list[str]]:
    """What nodes hold -> the wanted nodes that hold it: for inner nodes the names below, level by level, as a hash."""
    held: dict[str, Content] = {}
    for node_id in reversed(list(taxonomy.levels)):  # children before their parents
        below = sorted((child.name.casefold(), held[child.id] or 0) for child in taxonomy.children(node_id))
        held[node_id] = hash(tuple(below)) if below else None
    found: dict[Content, list[str]] = defaultdict(list)
    for node_id in sorted(wanted):
        if held[node_id] is not None:
            found[held[node_id]].append(node_id)
    return found


def _fact(node: Node, after: Taxonomy, mapping: NodeMapping) -> Match | None:
    if node.id in mapping.targets:
        return Match(mapping.targets[node.id], "mapping")
    replacement = after[node.id].replaced_by if node.id in after and after[node.id].deprecated else node.replaced_by
    if replacement is not None and replacement in after and (node.id not in after or after[node.id].deprecated):
        return Match((replacement,), "replaced_by")
    return Match((node.id,), "id") if node.id in after else None


class _State:
    """What is matched by now, and which new nodes are free; old nodes are visited parents first."""

    def __init__(self, before: Taxonomy, after: Taxonomy, found: dict[str, Match], free: set[str]) -> None:
        self._before, self._after, self._found, self._free = before, after, found, free

    def match(
        self,
        by: str,
        old_keys: Callable[[Node], tuple[str, ...]],
        new_keys: Callable[[Node], tuple[str, ...]],
        agree: Callable[[Node, Node], bool],
    ) -> None:
        """Join old and free new nodes on their keys, level by level; take those that are one another's only choice."""
        index: dict[str, list[Node]] = defaultdict(list)
        for node_id in sorted(self._free):
            for key in {key.casefold() for key in new_keys(self._after[node_id])}:
                index[key].append(self._after[node_id])
        for level in self._unmatched_levels():
            claims: dict[str, list[str]] = defaultdict(list)
            for old in level:
                candidates = {
                    new.id
                    for key in old_keys(old)
                    for new in index.get(key.casefold(), ())
                    if new.id in self._free and agree(old, new)
                }
                if len(candidates) == 1:
                    claims[candidates.pop()].append(old.id)
            for new_id, old_ids in claims.items():
                if len(old_ids) == 1:
                    self._found[old_ids[0]] = Match((new_id,), by)
                    self._free.discard(new_id)

    def _unmatched_levels(self) -> list[list[Node]]:
        levels: dict[int, list[Node]] = defaultdict(list)
        for node_id, level in self._before.levels.items():
            if node_id not in self._found:
                levels[level].append(self._before[node_id])
        return [levels[level] for level in sorted(levels)]

    def match_by_content(self) -> None:
        """Join nodes by what they hold, then what lies below nodes that are joined, until nothing more is found."""
        while True:
            before = len(self._found)
            self._join(_by_content(self._before, self._olds()), _by_content(self._after, self._free))
            self.match("name and place", _name, _name, self.same_place)
            self.match("name", _name, _name, self.same_line)
            if len(self._found) == before:
                return

    def _olds(self) -> set[str]:
        return {node.id for node in self._before if node.id not in self._found}

    def _join(self, old: dict[Content, list[str]], new: dict[Content, list[str]]) -> None:
        for content, ids in old.items():
            others = new.get(content, [])
            if len(ids) == 1 and len(others) == 1:
                self._found[ids[0]] = Match((others[0],), "content")
                self._free.discard(others[0])

    def same_line(self, old: Node, new: Node) -> bool:
        """Whether an ancestor of the new node is what one of the old one's parents became: a level was put between."""
        became = self._became(old.parents)
        if not old.parents:
            return bool(self._after.children(new.id)) == bool(self._before.children(old.id))
        return any(above in became for parent in new.parents for above in self._after[parent].parents)

    def same_place(self, old: Node, new: Node) -> bool:
        """Whether the parents of the new node are what the old one's became."""
        return bool(self._became(old.parents) >= set(new.parents)) and bool(old.parents) == bool(new.parents)

    def same_surroundings(self, old: Node, new: Node) -> bool:
        """Whether they share a parent, or a child."""
        if self._became(old.parents) & set(new.parents):
            return True
        below = self._became(tuple(child.id for child in self._before.children(old.id)))
        return bool(below & {child.id for child in self._after.children(new.id)})

    def _became(self, ids: tuple[str, ...]) -> set[str]:
        return {new for node_id in ids if node_id in self._found for new in self._found[node_id].new}
