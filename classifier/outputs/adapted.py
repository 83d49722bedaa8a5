"""Answer in another release than the one a bundle was trained on, as far as its nodes map."""

from typing import cast

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from classifier.errors import ReleaseMismatchError
from classifier.outputs.base import NodeProbs
from classifier.outputs.max_sweep import MaxSweep
from classifier.outputs.path_softmax import PathSoftmax
from classifier.outputs.sigmoid_max import SigmoidMax
from classifier.outputs.sparse import SparsePair
from taxonomy import Hierarchy
from taxonomy.arrays import Ints
from taxonomy.changes.diff import Difference


class AdaptedOutput(PathSoftmax):
    """A path softmax of one release whose predictions speak of another.

    Every terminal's probability goes to the node that carries it (`Difference.carriers`: its own node, or the nearest
    surviving ancestor where that was split or removed) and to all ancestors of that; so the answer is coherent. The
    probability of a terminal that nothing carries is missing: the roots then sum to less than 1. Losses, labels and
    log-probabilities are still those of the old release.

    unreachable: ids of the new release's terminals that no old terminal is carried to: it cannot answer them.
    Raises ReleaseMismatchError when no terminal at all is carried.
    """

    _ends: Tensor

    def __init__(self, before: Hierarchy, difference: Difference) -> None:
        super().__init__(before)
        self.hierarchy = Hierarchy.compile(difference.after)
        carriers = _carrier_positions(before.terminals, before, self.hierarchy, difference)
        carried = np.flatnonzero(carriers >= 0)
        if not len(carried):
            raise _nothing_left(before, self.hierarchy)
        ends, columns = np.unique(carriers[carried], return_inverse=True)
        shape = (len(ends), len(carriers))
        merges = csr_array((np.ones(len(carried), dtype=bool), (columns, carried)), shape=shape)  # (E, T)
        self._merged = SparsePair(merges)
        self._above = SparsePair(csr_array(self.hierarchy.lineage[ends].T.tocsr()))  # (N, E)
        self._lift = MaxSweep(self.hierarchy)
        self.register_buffer("_ends", torch.from_numpy(ends), persistent=False)
        self.unreachable = _unreachable(self.hierarchy, carriers)

    def predict(self, logits: Tensor, temperature: float = 1.0) -> NodeProbs:
        """Probabilities of all nodes of the new release, and the most probable node that carries old terminals."""
        ends = cast("Tensor", self._merged(self.terminal_probs(logits, temperature)))  # (B, E)
        nodes = cast("Tensor", self._lift(self._above(ends))).clamp(0.0, 1.0)
        return NodeProbs(nodes, self._ends[ends.argmax(dim=1)])


class AdaptedSigmoidMax(SigmoidMax):
    """Sigmoid and maximum of one release whose predictions speak of another.

    Every old node's own logit goes to the node that carries it; a new node has the largest of those carried to it or to
    what lies below it, so the answer is coherent. A node that nothing reaches has the probability 0.

    unreachable: as for `AdaptedOutput`. Raises ReleaseMismatchError when no terminal at all is carried.
    """

    _carriers: Tensor
    _carried: Tensor

    def __init__(self, before: Hierarchy, difference: Difference) -> None:
        after = Hierarchy.compile(difference.after)
        super().__init__(after)
        self.column_count = len(before)
        carriers = _carrier_positions(np.arange(len(before)), before, self.hierarchy, difference)
        if not (carriers[before.terminals] >= 0).any():
            raise _nothing_left(before, self.hierarchy)
        self.register_buffer("_carried", torch.from_numpy(np.flatnonzero(carriers >= 0)), persistent=False)
        self.register_buffer("_carriers", torch.from_numpy(carriers[carriers >= 0]), persistent=False)
        self.unreachable = _unreachable(self.hierarchy, carriers)

    def predict(self, logits: Tensor, temperature: float = 1.0) -> NodeProbs:
        """Probabilities of all nodes of the new release by the logits (B, N) of the old, and its best terminal."""
        wide = logits.double()
        moved = wide.new_full((len(wide), self.node_count), -torch.inf)
        places = self._carriers.expand(len(wide), -1)
        return super().predict(moved.scatter_reduce(1, places, wide[:, self._carried], "amax"), temperature)


def _nothing_left(before: Hierarchy, after: Hierarchy) -> ReleaseMismatchError:
    return ReleaseMismatchError(f"no node of release {before.release[:12]} is left in release {after.release[:12]}")


def _unreachable(hierarchy: Hierarchy, carriers: Ints) -> tuple[str, ...]:
    reached = set(carriers.tolist())
    return tuple(hierarchy.node_ids[node] for node in hierarchy.terminals.tolist() if node not in reached)


def _carrier_positions(nodes: Ints, before: Hierarchy, after: Hierarchy, difference: Difference) -> Ints:
    """For each of these old nodes the position of the new node that carries it, -1 where there is none."""
    found = np.full(len(nodes), -1)
    for place, node in enumerate(nodes):
        carrier = difference.carriers[before.node_ids[node]]
        if carrier is not None:
            found[place] = after.index[carrier]
    return found
