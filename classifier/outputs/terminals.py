"""From probabilities of nodes to those of exactly the terminals, and back."""

import numpy as np

from taxonomy import Hierarchy
from taxonomy.arrays import Bools, Floats, Ints


class Terminals:
    """The T terminals of a hierarchy, as one distribution that all node probabilities are sums of."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self._hierarchy = hierarchy
        self._below = hierarchy.incidence.T.tocsr()  # (N, T)
        self._sums = self._below.astype(np.float64)
        self._steps = [hierarchy.edges[level] for level in reversed(hierarchy.edge_slices)]

    def under(self, position: int) -> Bools:
        """(T,) whether a terminal is the node at this position or lies under it."""
        found = np.zeros(len(self._hierarchy.terminals), dtype=bool)
        found[self._places_under(position)] = True
        return found

    def exact(self, probs: Floats) -> Floats:
        """(T,) the probability of exactly each terminal, by the coherent probabilities (N,) of the path softmax."""
        terminals = self._hierarchy.terminals
        masses: Floats = probs[terminals].astype(np.float64)
        for place in self._hierarchy.inner_terminals[::-1]:  # what lies below stands after it
            below = self._places_under(int(terminals[place]))
            masses[place] = max(0.0, masses[place] - masses[below[below != place]].sum())
        return masses

    def summed(self, masses: Floats) -> Floats:
        """(N,) probabilities of all nodes from (T,) masses: coherent to the last bit."""
        probs: Floats = self._sums @ masses
        for edges in self._steps:
            np.maximum.at(probs, edges[:, 0], probs[edges[:, 1]])  # a rounding error at most
        return np.clip(probs, 0.0, 1.0)

    def _places_under(self, position: int) -> Ints:
        start, end = self._below.indptr[position], self._below.indptr[position + 1]
        return self._below.indices[start:end].astype(np.int64)
