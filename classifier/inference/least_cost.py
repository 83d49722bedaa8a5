"""The node of least expected cost, where a mistake costs the height of the lowest common ancestor.

Source: Karthik et al., "No cost likelihood manipulation at test time for making better mistakes in deep networks", ICLR
2021: conditional risk minimisation over the LCA heights of Bertinetto et al., "Making better mistakes", CVPR 2020.
"""

import numpy as np

from taxonomy import Hierarchy
from taxonomy.arrays import Bools, Floats

_TIE = 1e-12


def expected_costs(probs: Floats, masses: Floats, hierarchy: Hierarchy) -> Floats:
    """(N,) the expected LCA height between each node and the truth, by coherent probabilities of nodes.

    probs: (N,) of each node or anything below it. masses: (T,) of exactly each terminal.
    Costs are those of `taxonomy.metrics.lca_heights`. One sweep down the edges: on the way from a root a truth is met
    at the lowest node that still covers it, so each step adds height(parent) * (p(parent) - p(child)). With several
    parents the way of the least cost counts: on a DAG the cost is that along one path, never below the true one.
    """
    heights = hierarchy.heights.astype(np.float64)
    missed = np.full(len(hierarchy), np.inf)  # the expected cost of truths that are not under the node
    roots = hierarchy.level_slices[0]
    missed[roots] = (heights.max() + 1) * (1 - probs[roots])
    for level in hierarchy.edge_slices:
        parents, children = hierarchy.edges[level].T
        np.minimum.at(missed, children, missed[parents] + heights[parents] * (probs[parents] - probs[children]))
    covered = probs.copy()
    covered[hierarchy.terminals] -= masses  # the node itself as the truth costs nothing
    return missed + heights * covered


def least_cost_terminal(probs: Floats, masses: Floats, hierarchy: Hierarchy, among: Bools) -> int:
    """The position of the terminal of least expected cost among some (T,); of several, the most probable.

    Terminals are enough: a node costs no less than the terminal of least cost under it.
    """
    terminals = hierarchy.terminals[among]
    costs = expected_costs(probs, masses, hierarchy)[terminals]
    least = np.flatnonzero(costs <= costs.min() + _TIE)
    return int(terminals[least[np.argmax(masses[among][least])]])
