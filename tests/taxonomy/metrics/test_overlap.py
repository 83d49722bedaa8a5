"""Hierarchical precision, recall, F1 and LCA distance: by hand, and against hiclass where both define the same."""

from typing import Literal

import networkx as nx
import numpy as np
import pytest
from hiclass import metrics as hiclass
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import balanced_tree, dags, naive_lineage

from taxonomy import Hierarchy, Node, Taxonomy
from taxonomy.metrics import (
    hierarchical_distance,
    lca_distances,
    lca_heights,
    mistake_severity,
    overlap,
    overlap_of_sets,
)


@pytest.fixture
def dag() -> Hierarchy:
    """A(c, d), B(d), C; c(x), d(x): x has both c and d, d has both A and B."""
    parents = {"A": "", "B": "", "C": "", "c": "A", "d": "AB", "x": "cd"}
    return Hierarchy.compile(Taxonomy(Node(node, node, tuple(above)) for node, above in parents.items()))


def at(hierarchy: Hierarchy, *ids: str) -> np.ndarray:
    return np.array([hierarchy.position(node_id) for node_id in ids], dtype=np.int64)


def test_overlap_by_hand(dag: Hierarchy) -> None:
    """x: {x c d A B}, c: {c A}, d: {d A B}, C: {C}. Shared with the truth: 2 of 5 and 2; 1 of 2 and 3; 0 of 1 and 3."""
    predicted, truth = at(dag, "x", "c", "C"), at(dag, "c", "d", "d")
    micro = overlap(predicted, truth, dag)
    assert micro == pytest.approx((3 / 8, 3 / 8, 3 / 8))
    samples = overlap(predicted, truth, dag, "samples")
    assert samples.precision == pytest.approx((2 / 5 + 1 / 2 + 0) / 3)
    assert samples.recall == pytest.approx((2 / 2 + 1 / 3 + 0) / 3)
    assert samples.f1 == pytest.approx((4 / 7 + 2 / 5 + 0) / 3)


def test_sets_are_closed_upward(dag: Hierarchy) -> None:
    """{c, B} is {c A B}, {x} is {x c d A B}: 3 shared."""
    c, b, x = at(dag, "c", "B", "x").tolist()
    assert overlap_of_sets([[c, b]], [[x]], dag) == pytest.approx((1.0, 3 / 5, 6 / 8))
    assert overlap_of_sets([[]], [[x]], dag) == (0.0, 0.0, 0.0)
    assert overlap_of_sets([], [], dag) == (0.0, 0.0, 0.0)


@given(st.data())
def test_sets_of_one_node_are_nodes(data: st.DataObject) -> None:
    hierarchy = Hierarchy.compile(data.draw(dags()))
    node = st.integers(0, len(hierarchy) - 1)
    pairs = np.array(data.draw(st.lists(st.tuples(node, node), min_size=1, max_size=8)), dtype=np.int64)
    for average in ("micro", "samples"):
        ours = overlap_of_sets(pairs[:, :1].tolist(), pairs[:, 1:].tolist(), hierarchy, average)
        assert ours == pytest.approx(overlap(pairs[:, 0], pairs[:, 1], hierarchy, average))


def test_the_same_as_hiclass() -> None:
    """Micro and per sample (its macro), on paths of equal length, where its definition is ours."""
    hierarchy = Hierarchy.compile(balanced_tree(3, 4))
    leaves = hierarchy.terminals
    random = np.random.default_rng(0)
    predicted, truth = random.choice(leaves, 200), random.choice(leaves, 200)
    paths = [
        np.array([[hierarchy.node_ids[v] for v in hierarchy.path(n)] for n in nodes]) for nodes in (truth, predicted)
    ]
    averages: list[tuple[Literal["micro", "samples"], str]] = [("micro", "micro"), ("samples", "macro")]
    for ours, theirs in averages:
        found = overlap(predicted, truth, hierarchy, ours)
        assert found.precision == pytest.approx(hiclass.precision(*paths, average=theirs))
        assert found.recall == pytest.approx(hiclass.recall(*paths, average=theirs))
        assert found.f1 == pytest.approx(hiclass.f1(*paths, average=theirs))


def test_distances_by_hand(dag: Hierarchy) -> None:
    """x and B meet at B two edges up; c and d meet at A; C meets nothing and goes by way of the virtual root."""
    predicted, truth = at(dag, "x", "c", "C", "x", "C"), at(dag, "B", "d", "x", "x", "B")
    assert lca_distances(predicted, truth, dag).tolist() == [2, 2, 4, 0, 2]


@given(st.data())
def test_distances_are_shortest_ways(data: st.DataObject) -> None:
    """Against networkx: the least way up and down over all common ancestors and a virtual root."""
    taxonomy = data.draw(dags())
    hierarchy = Hierarchy.compile(taxonomy)
    graph = nx.DiGraph(taxonomy.graph)
    graph.add_edges_from(("", node.id) for node in taxonomy.roots)
    left, right = (data.draw(st.integers(0, len(hierarchy) - 1)) for _ in range(2))
    names = hierarchy.node_ids[left], hierarchy.node_ids[right]
    common = (naive_lineage(taxonomy, names[0]) & naive_lineage(taxonomy, names[1])) | {""}
    ways = [sum(nx.shortest_path_length(graph, ancestor, name) for name in names) for ancestor in common]
    assert lca_distances(np.array([left]), np.array([right]), hierarchy).tolist() == [min(ways)]


def test_severity_is_of_mistakes_and_distance_of_all(dag: Hierarchy) -> None:
    predicted, truth = at(dag, "x", "c", "c"), at(dag, "x", "d", "c")
    height = int(lca_heights(predicted, truth, dag)[1])
    assert mistake_severity(predicted, truth, dag) == height
    assert hierarchical_distance(predicted, truth, dag) == pytest.approx(height / 3)
    assert mistake_severity(truth, truth, dag) == 0.0 == hierarchical_distance(at(dag), at(dag), dag)
