"""Where the labels of one asset go in another release; pure, and coherent by construction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from taxonomy import Taxonomy
from taxonomy.changes.diff import ChangeKind, Difference


class Label(NamedTuple):
    """One label of an asset by one source; confidence in [0, 1]."""

    node: str
    confidence: float
    on_path: bool


class Moved(NamedTuple):
    """A label in the new release."""

    node: str
    level: int
    confidence: float
    on_path: bool


class Lost(NamedTuple):
    """A node at which an asset stood and which carries no labels on: it was split or removed."""

    node: str
    change: ChangeKind


@dataclass(frozen=True, eq=False)
class Carrying:
    """Carries groups of labels from one release to the other; what it needs of a node is worked out once."""

    difference: Difference

    @cached_property
    def _ancestors(self) -> tuple["_Ancestors", "_Ancestors"]:
        return _Ancestors(self.difference.before), _Ancestors(self.difference.after)

    def carry(self, labels: Iterable[Label]) -> tuple[list[Moved], list[Lost]]:
        """The labels of one asset by one source in the new release, and what was lost on the way.

        The deepest nodes, and the deepest ones of the decided path, go where their node went, or to their nearest
        surviving ancestor, and take their ancestors anew: all of them, where there are several parents. A node keeps
        its own confidence, raised to that of any label below it. Raises KeyError on a label at a node that the old
        release does not have.
        """
        old = {label.node: label for label in labels}
        carriers = self.difference.carriers
        deepest = self._deepest(old)
        decided = self._deepest({node: label for node, label in old.items() if label.on_path})
        confidences: dict[str, float] = {}
        carried = list(dict.fromkeys([*deepest, *decided]))
        for node in carried:
            self._raise(confidences, carriers[node], old[node].confidence)
        for node, label in old.items():
            if self.difference.target(node) in confidences:
                self._raise(confidences, self.difference.target(node), label.confidence)
        on_path = {above for node in decided if (end := carriers[node]) is not None for above in self._above(end)}
        levels = self.difference.after.levels
        moved = [Moved(node, levels[node], value, node in on_path) for node, value in confidences.items()]
        lost = [
            Lost(node, self.difference.of_old[node].kind) for node in carried if self.difference.target(node) is None
        ]
        return moved, lost

    def _raise(self, confidences: dict[str, float], node: str | None, confidence: float) -> None:
        for above in self._above(node) if node is not None else ():
            confidences[above] = max(confidence, confidences.get(above, 0.0))

    def _above(self, node: str) -> frozenset[str]:
        return self._ancestors[1].or_self(node)

    def _deepest(self, labels: Mapping[str, Label]) -> list[str]:
        """The nodes that have no labelled node below them."""
        inner: set[str] = set()
        for node in labels:
            inner |= self._ancestors[0].or_self(node) - {node}
        return [node for node in labels if node not in inner]


class _Ancestors:
    """The ancestors-or-self of nodes, as sets, each worked out when it is first asked for."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._known: dict[str, frozenset[str]] = {}

    def or_self(self, node: str) -> frozenset[str]:
        """The ids of the node and all its ancestors. Raises KeyError."""
        if node not in self._known:
            found: set[str] = set()
            pending = [node]
            while pending:
                here = pending.pop()
                if here not in self._taxonomy:
                    raise KeyError(here)
                if here not in found:
                    found.add(here)
                    pending.extend(self._taxonomy[here].parents)
            self._known[node] = frozenset(found)
        return self._known[node]
