"""The nodes of one release, as policies need them: found by what people call them, with all that stands above."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from taxonomy import Hierarchy, Taxonomy, find_node

_NOTHING: frozenset[str] = frozenset()

Mapped = Mapping[str, str | Sequence[str]]


@dataclass
class PolicyNodes:
    """The compiled form of a taxonomy, and the taxonomy itself where nodes are to be found by name.

    mapped: what a policy calls a node -> its id here, or, where it went nowhere, the ids of the nearest nodes that
    are left of what it was, perhaps none; what is not in it is found by name.
    """

    taxonomy: Taxonomy | None
    hierarchy: Hierarchy
    mapped: Mapped = field(default_factory=dict)

    @classmethod
    def of(cls, taxonomy: Taxonomy, mapped: Mapped | None = None) -> "PolicyNodes":
        """Of a taxonomy that is not compiled yet."""
        return cls(taxonomy, Hierarchy.compile(taxonomy), mapped or {})

    def __post_init__(self) -> None:
        self._above: dict[str, frozenset[str]] = {}

    def find(self, text: str) -> str | None:
        """The id of what a policy calls a node; None where it went nowhere. Raises TaxonomyError."""
        if text in self.mapped or self.taxonomy is None:
            found = self.mapped.get(text)
            return found if isinstance(found, str) else None
        return find_node(self.taxonomy, text).id

    def left_of(self, text: str) -> list[str]:
        """The id of what a policy calls a node, or of what is left of it. Raises TaxonomyError."""
        found = self.mapped.get(text)
        if isinstance(found, (list, tuple)):
            return [node for node in found if node in self.hierarchy.index]
        node = self.find(text)
        return [] if node is None else [node]

    def find_all(self, texts: Iterable[str]) -> dict[str, str]:
        """Id -> the text that named it, of all that are here. Raises TaxonomyError."""
        found = ((self.find(text), text) for text in texts)
        return {node: text for node, text in found if node is not None}

    def level(self, node: str) -> int:
        """The level of a node."""
        return int(self.hierarchy.levels[self.hierarchy.position(node)])

    @cached_property
    def deepest(self) -> Mapping[str, int]:
        """Node id -> the largest level at or below it."""
        levels = self.hierarchy.levels.copy()
        for parent, child in self.hierarchy.edges[::-1]:
            levels[parent] = max(levels[parent], levels[child])
        return dict(zip(self.hierarchy.node_ids, levels.tolist(), strict=True))

    def above(self, node: str) -> frozenset[str]:
        """The ids of a node's ancestors-or-self; none of a node that is not here."""
        found = self._above.get(node)
        if found is None:
            position = self.hierarchy.index.get(node)
            if position is None:
                return _NOTHING
            ids = self.hierarchy.node_ids
            found = self._above[node] = frozenset(ids[place] for place in self.hierarchy.ancestors_or_self(position))
        return found

    def inherited(self, own: Mapping[str, float]) -> dict[str, float]:
        """Node id -> its value, or that of its nearest ancestor that has one; of two as near the largest.

        Nodes without one of either kind are left out.
        """
        if not own:
            return {}
        ids, parents = self.hierarchy.node_ids, self.hierarchy.parents
        found: list[tuple[int, float] | None] = []
        for place, node in enumerate(ids):
            if node in own:
                found.append((0, own[node]))
                continue
            above: Sequence[tuple[int, float]] = [each for each in (found[int(p)] for p in parents[place]) if each]
            nearest = min(above, key=lambda each: (each[0], -each[1]), default=None)
            found.append(None if nearest is None else (nearest[0] + 1, nearest[1]))
        return {node: each[1] for node, each in zip(ids, found, strict=True) if each is not None}
