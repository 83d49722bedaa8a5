"""The compiled taxonomy: numpy and sparse arrays in topological order, for the model and the metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from taxonomy.arrays import Bools, Floats, Ints
from taxonomy.errors import TaxonomyError
from taxonomy.graph import PATH_SEPARATOR, Taxonomy
from taxonomy.release import release

MAX_LINEAGE = 50_000_000  # ancestors that are merged, over all nodes; a few seconds and half a gigabyte


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Arrays over N nodes sorted by (level, id), so that every parent stands before its children.

    node_ids, names: N each.          levels: (N,) int, 1 for roots.
    edges: (E, 2) int of (parent, child), sorted by the level of the child, then by child and parent.
    terminals: (T,) int, the nodes an asset may be labelled with, ascending.
    lineage: (N, N) boolean CSR; row v holds the ancestors-or-self of v. Never dense.
    """

    release: str
    node_ids: tuple[str, ...]
    names: tuple[str, ...]
    levels: Ints
    edges: Ints
    terminals: Ints
    lineage: csr_array

    @classmethod
    def compile(cls, taxonomy: Taxonomy) -> "Hierarchy":
        """Compile a taxonomy: time and memory linear in nodes, edges and ancestor pairs.

        Raises TaxonomyError where the ancestors of all nodes together are more than MAX_LINEAGE.
        """
        levels = taxonomy.levels
        order = sorted(levels, key=lambda node_id: (levels[node_id], node_id))
        index = {node_id: position for position, node_id in enumerate(order)}
        parents = [[index[parent] for parent in taxonomy[node_id].parents] for node_id in order]
        edges = [(parent, child) for child, above in enumerate(parents) for parent in sorted(above)]
        return cls(
            release=release(taxonomy),
            node_ids=tuple(order),
            names=tuple(taxonomy[node_id].name for node_id in order),
            levels=np.array([levels[node_id] for node_id in order], dtype=np.int64),
            edges=np.array(edges, dtype=np.int64).reshape(-1, 2),
            terminals=np.array([index[node_id] for node_id in order if taxonomy.is_terminal(node_id)], dtype=np.int64),
            lineage=_lineage(parents),
        )

    def __len__(self) -> int:
        return len(self.node_ids)

    @cached_property
    def depth(self) -> int:
        """The largest level."""
        return int(self.levels.max())

    @cached_property
    def index(self) -> dict[str, int]:
        """Node id -> position."""
        return {node_id: position for position, node_id in enumerate(self.node_ids)}

    def position(self, node_id: str) -> int:
        """The position of a node. Raises TaxonomyError when there is none of that id."""
        try:
            return self.index[node_id]
        except KeyError:
            raise TaxonomyError(f"no node has the id {node_id!r} in release {self.release[:12]}") from None

    @cached_property
    def incidence(self) -> csr_array:
        """(T, N) boolean CSR; row t holds the ancestors-or-self of terminal t."""
        return self.lineage[self.terminals]

    @cached_property
    def inner_terminals(self) -> Ints:
        """(K,) int: positions within `terminals` of those that have children, each with a logit of its own."""
        has_child = np.zeros(len(self), dtype=bool)
        has_child[self.edges[:, 0]] = True
        return np.flatnonzero(has_child[self.terminals])

    @cached_property
    def is_terminal(self) -> Bools:
        """(N,) bool."""
        flags = np.zeros(len(self), dtype=bool)
        flags[self.terminals] = True
        return flags

    @cached_property
    def level_slices(self) -> tuple[slice, ...]:
        """For level 1, 2, ...: the contiguous run of its nodes."""
        return _runs(self.levels, 1, self.depth)

    @cached_property
    def edge_slices(self) -> tuple[slice, ...]:
        """For level 2, 3, ...: the contiguous run of the edges that lead to its nodes."""
        return _runs(self.levels[self.edges[:, 1]], 2, self.depth)

    @cached_property
    def parents(self) -> tuple[Ints, ...]:
        """For each node the positions of its parents, ascending."""
        bounds = np.searchsorted(self.edges[:, 1], np.arange(1, len(self)))
        return tuple(np.split(self.edges[:, 0], bounds))

    @cached_property
    def terminal_counts(self) -> Ints:
        """(N,) int: how many terminals are the node or lie below it."""
        return np.bincount(self.incidence.indices, minlength=len(self)).astype(np.int64)

    @cached_property
    def information(self) -> Floats:
        """(N,) nats: log T - log(terminals under or equal to the node), i.e. terminals taken as equally likely.

        Source: Valmadre, "Hierarchical classification at multiple operating points", NeurIPS 2022.
        """
        information: Floats = np.log(max(len(self.terminals), 1)) - np.log(np.maximum(self.terminal_counts, 1))
        return information

    @cached_property
    def heights(self) -> Ints:
        """(N,) int: edges on the longest way down from the node to a leaf."""
        heights = np.zeros(len(self), dtype=np.int64)
        for parent, child in self.edges[::-1]:
            heights[parent] = max(heights[parent], heights[child] + 1)
        return heights

    def ancestors_or_self(self, node: int) -> Ints:
        """Positions of the node and all its ancestors, ascending."""
        return self.lineage.indices[self.lineage.indptr[node] : self.lineage.indptr[node + 1]].astype(np.int64)

    def closed(self, sets: Sequence[Sequence[int]]) -> csr_array:
        """(S, N) boolean CSR: in each row the positions of a set and of all their ancestors."""
        columns = np.array([node for nodes in sets for node in nodes], dtype=np.int64)
        bounds = np.cumsum([0, *map(len, sets)])
        ones = np.ones(len(columns), dtype=np.int64)
        chosen = csr_array((ones, columns, bounds), shape=(len(sets), len(self)))
        return csr_array((chosen @ self.lineage.astype(np.int64)) > 0)

    def path(self, node: int, probs: NDArray[np.floating] | None = None) -> tuple[int, ...]:
        """Positions from a root to the node.

        Each step up goes through the most probable parent by `probs` (N,); without `probs` through the first.
        """
        steps = [node]
        while len(above := self.parents[steps[-1]]):
            steps.append(int(above[0 if probs is None else int(np.argmax(probs[above]))]))
        return tuple(reversed(steps))

    def path_text(self, node: int) -> str:
        """The names of `path`, written `A > B > C`."""
        return PATH_SEPARATOR.join(self.names[step] for step in self.path(node))


def _runs(levels: Ints, first: int, last: int) -> tuple[slice, ...]:
    """For each level from first to last: where it stands in levels, which ascend."""
    bounds = np.searchsorted(levels, np.arange(first, last + 2))
    return tuple(slice(int(start), int(end)) for start, end in pairwise(bounds))


def _lineage(parents: Sequence[Sequence[int]]) -> csr_array:
    rows: list[Ints] = []
    work = 0
    for node, above in enumerate(parents):
        merged = [rows[parent] for parent in above]
        work += sum(map(len, merged)) + 1
        if work > MAX_LINEAGE:
            raise TaxonomyError(
                f"too deep and wide: the first {node + 1} of {len(parents)} have more than {MAX_LINEAGE} ancestors"
            )
        ancestors = merged[0] if len(merged) == 1 else np.unique(np.concatenate(merged)) if merged else merged
        rows.append(np.append(np.asarray(ancestors, dtype=np.int64), node))
    indices = np.concatenate(rows)
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return csr_array((np.ones(len(indices), dtype=bool), indices, indptr), shape=(len(rows), len(rows)))
