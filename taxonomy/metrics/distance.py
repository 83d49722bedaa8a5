"""How far a prediction is from the truth, by their lowest common ancestor."""

import numpy as np
from scipy.sparse import csr_array

from taxonomy.arrays import Ints
from taxonomy.hierarchy import Hierarchy
from taxonomy.metrics.overlap import common_ancestors, reduce_rows


def lca_heights(predicted: Ints, truth: Ints, hierarchy: Hierarchy) -> Ints:
    """(S,) edges from the lowest common ancestor-or-self down to its deepest leaf; 0 where a leaf was met.

    Two nodes with nothing in common meet at a virtual root above all roots. Source: Bertinetto et al., "Making better
    mistakes", CVPR 2020, which calls the mean over mistakes the mistake severity, the mean over all the hierarchical
    distance.
    """
    above_all = int(hierarchy.heights.max()) + 1
    common = common_ancestors(predicted, truth, hierarchy)
    heights = reduce_rows(common, hierarchy.heights[common.indices], np.minimum, above_all)
    return np.where(predicted == truth, 0, heights)


def mistake_severity(predicted: Ints, truth: Ints, hierarchy: Hierarchy) -> float:
    """The mean LCA height of the samples that are wrong, 0 when none is: see `lca_heights`."""
    heights = lca_heights(predicted, truth, hierarchy)[predicted != truth]
    return float(heights.mean()) if len(heights) else 0.0


def hierarchical_distance(predicted: Ints, truth: Ints, hierarchy: Hierarchy) -> float:
    """The mean LCA height of all samples, right ones counting 0: see `lca_heights`."""
    heights = lca_heights(predicted, truth, hierarchy)
    return float(heights.mean()) if len(heights) else 0.0


def lca_distances(predicted: Ints, truth: Ints, hierarchy: Hierarchy) -> Ints:
    """(S,) edges on the shortest way from the predicted node up to a common ancestor-or-self and down to the true one.

    Nodes with nothing in common meet at a virtual root above all roots. On a tree this is the length of the path
    between the two. Source: Wu et al., "Learning to make better mistakes", 2016; on a DAG the shortest of all ways.
    """
    nodes, places = np.unique(np.concatenate([predicted, truth]), return_inverse=True)
    steps, to_root = _steps_up(nodes, hierarchy)  # (U, N): edges up to each ancestor-or-self, plus one
    ours, theirs = places[: len(predicted)], places[len(predicted) :]
    left, right = steps[ours], steps[theirs]
    ways = csr_array(left.multiply(right > 0) + right.multiply(left > 0))
    by_root = to_root[ours] + to_root[theirs]
    by_ancestor = reduce_rows(ways, ways.data - 2, np.minimum, np.iinfo(np.int64).max)
    shortest: Ints = np.minimum(by_ancestor, by_root)
    return shortest


def _steps_up(nodes: Ints, hierarchy: Hierarchy) -> tuple[csr_array, Ints]:
    """For (U,) nodes: (U, N) CSR of 1 + the fewest edges up to each ancestor-or-self; (U,) edges to a virtual root."""
    rows: list[dict[int, int]] = []
    to_root = []
    for node in nodes.tolist():
        steps = {node: 1}
        ring = [node]
        nearest_root = 0
        while ring:
            above = {int(parent) for below in ring for parent in hierarchy.parents[below]} - steps.keys()
            if not nearest_root and any(not len(hierarchy.parents[below]) for below in ring):
                nearest_root = steps[ring[0]]
            steps.update(dict.fromkeys(above, steps[ring[0]] + 1))
            ring = sorted(above)
        rows.append(steps)
        to_root.append(nearest_root)
    indptr = np.cumsum([0, *map(len, rows)])
    indices = np.concatenate([np.fromiter(row, dtype=np.int64, count=len(row)) for row in rows])
    data = np.concatenate([np.fromiter(row.values(), dtype=np.int64, count=len(row)) for row in rows])
    matrix = csr_array((data, indices, indptr), shape=(len(rows), len(hierarchy)))
    return matrix, np.array(to_root, dtype=np.int64)
