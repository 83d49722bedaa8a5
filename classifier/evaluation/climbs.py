"""What evaluation keeps of each sample: the climb from its best terminal to a root, and what is true of it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from taxonomy import Hierarchy
from taxonomy.arrays import Bools, Floats, Ints
from taxonomy.metrics import is_ancestor_or_self

_TOP = 5


@dataclass(frozen=True, eq=False)
class Climbs:
    """What evaluation keeps of S samples: M climb steps instead of (S, N) probabilities.

    A climb runs from the best terminal up the best path to a root. Where a sample is labelled at an inner node that is
    no terminal, what lies below is unknown: steps below the label are left out.

    samples, nodes, probs: (M,).     truth: (S,) node positions.
    top5: (S, L) whether a true node is among the five most probable of level 1, 2, ...
    incoherent: (S,) whether any node is more probable than a parent of it.
    energies: (S,) see `classifier.calibration.out_of_distribution`; None where the model has none.
    """

    hierarchy: Hierarchy
    truth: Ints
    samples: Ints
    nodes: Ints
    probs: Floats
    top5: Bools
    incoherent: Bools
    energies: Floats | None = None

    @property
    def right(self) -> Bools:
        """(M,) whether a step is an ancestor-or-self of the truth."""
        return is_ancestor_or_self(self.nodes, self.truth[self.samples], self.hierarchy)

    @property
    def starts(self) -> Ints:
        """(S,) the step at which each climb begins: its deepest node."""
        return np.searchsorted(self.samples, np.arange(len(self.truth)))

    @property
    def best(self) -> Ints:
        """(S,) the node at which each climb begins: the best terminal, or what of its path the label can judge."""
        return self.nodes[self.starts]

    def wrong_probs(self) -> Floats:
        """For each sample labelled at a terminal: the probability of the last wrong node on its climb, else 0."""
        return self._largest_probs(~self.right)

    def root_probs(self) -> Floats:
        """For each sample labelled at a terminal: the probability of the root of its climb."""
        return self._largest_probs(np.ones(len(self.nodes), dtype=bool))

    def _largest_probs(self, steps: Bools) -> Floats:
        found = np.zeros(len(self.truth))
        np.maximum.at(found, self.samples[steps], self.probs[steps])
        return found[self.hierarchy.is_terminal[self.truth]]


def collect_climbs(batches: Iterable[tuple[Floats, Ints, Ints]], hierarchy: Hierarchy) -> Climbs:
    """Gather climbs from batches of (node probabilities (B, N), best terminals' nodes (B,), truth (B,))."""
    truths: list[Ints] = []
    samples: list[int] = []
    nodes: list[int] = []
    probs: list[float] = []
    top5: list[Bools] = []
    incoherent: list[Bools] = []
    for rows, best, truth in batches:
        first = sum(map(len, truths))
        for offset, (row, end, true_node) in enumerate(zip(rows, best, truth, strict=True)):
            climb = _judged(hierarchy.path(int(end), row)[::-1], int(true_node), hierarchy)
            samples.extend([first + offset] * len(climb))
            nodes.extend(climb)
            probs.extend(row[list(climb)])
        truths.append(truth)
        top5.append(_in_top(rows, truth, hierarchy))
        incoherent.append(np.any(rows[:, hierarchy.edges[:, 1]] > rows[:, hierarchy.edges[:, 0]], axis=1))
    return Climbs(
        hierarchy,
        np.concatenate(truths),
        np.array(samples, dtype=np.int64),
        np.array(nodes, dtype=np.int64),
        np.array(probs, dtype=np.float64),
        np.concatenate(top5),
        np.concatenate(incoherent),
    )


def _judged(climb: tuple[int, ...], truth: int, hierarchy: Hierarchy) -> tuple[int, ...]:
    if hierarchy.is_terminal[truth]:
        return climb
    return tuple(node for node in climb if node == truth or truth not in hierarchy.ancestors_or_self(node))


def _in_top(rows: Floats, truth: Ints, hierarchy: Hierarchy) -> Bools:
    found = np.zeros((len(rows), hierarchy.depth), dtype=bool)
    ancestry = hierarchy.lineage[truth]
    for level, nodes in enumerate(hierarchy.level_slices):
        width = min(_TOP, nodes.stop - nodes.start)
        top = nodes.start + np.argpartition(-rows[:, nodes], width - 1, axis=1)[:, :width]  # (B, width)
        for position in range(width):
            found[:, level] |= np.asarray(ancestry[np.arange(len(rows)), top[:, position]]).ravel()
    return found
