"""Hierarchical F1 and the heights of common ancestors: worked by hand, and against naive loops on random DAGs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags, naive_height, naive_lineage

from taxonomy import Hierarchy, Node, Taxonomy
from taxonomy.metrics import hierarchical_f1, is_ancestor_or_self, lca_heights


@st.composite
def answers(draw: st.DrawFn) -> tuple[Taxonomy, Hierarchy, np.ndarray, np.ndarray]:
    """A random DAG with pairs of (predicted, true) positions."""
    taxonomy = draw(dags())
    node = st.integers(0, len(taxonomy) - 1)
    pairs = draw(st.lists(st.tuples(node, node), min_size=1, max_size=12))
    predicted, truth = np.array(pairs, dtype=np.int64).T
    return taxonomy, Hierarchy.compile(taxonomy), predicted, truth


@pytest.fixture
def tree() -> Hierarchy:
    """A(a1, a2(x, y)) and B(b1)."""
    return Hierarchy.compile(
        Taxonomy(
            [
                Node("A", "A"),
                Node("B", "B"),
                Node("a1", "a1", ("A",)),
                Node("a2", "a2", ("A",)),
                Node("b1", "b1", ("B",)),
                Node("x", "x", ("a2",)),
                Node("y", "y", ("a2",)),
            ]
        )
    )


def at(hierarchy: Hierarchy, *ids: str) -> np.ndarray:
    return np.array([hierarchy.position(node_id) for node_id in ids], dtype=np.int64)


def test_f1_by_hand(tree: Hierarchy) -> None:
    """Shared 2 + 1 + 2 + 0 of the 3 + 2 + 2 + 2 predicted and the 3 + 3 + 2 + 2 true ancestors-or-self."""
    predicted, truth = at(tree, "x", "a1", "b1", "b1"), at(tree, "y", "x", "b1", "a1")
    assert hierarchical_f1(predicted, truth, tree) == pytest.approx(2 * 5 / (9 + 10))


def test_f1_of_one_kind_of_answer(tree: Hierarchy) -> None:
    """1 when all is right, 0 when nothing is shared; an answer above the truth loses recall alone."""
    assert hierarchical_f1(at(tree, "x", "B"), at(tree, "x", "B"), tree) == 1.0
    assert hierarchical_f1(at(tree, "x"), at(tree, "b1"), tree) == 0.0
    assert hierarchical_f1(at(tree, "A"), at(tree, "x"), tree) == pytest.approx(2 * 1 / (1 + 3))


def test_f1_of_no_samples_is_zero(tree: Hierarchy) -> None:
    assert hierarchical_f1(at(tree), at(tree), tree) == 0.0


def test_lca_heights_by_hand(tree: Hierarchy) -> None:
    """Siblings meet at their parent, cousins higher, strangers at a root above all roots."""
    predicted = at(tree, "x", "x", "x", "x", "a2", "x", "b1")
    truth = at(tree, "x", "y", "a1", "b1", "x", "a2", "B")
    assert lca_heights(predicted, truth, tree).tolist() == [0, 1, 2, 3, 1, 1, 1]


def test_the_lowest_of_several_common_ancestors_counts() -> None:
    """x and y share the deep root R (height 2) and the low one S (height 1)."""
    nodes = [Node("R", "R"), Node("S", "S"), Node("m", "m", ("R",))]
    leaves = [Node("x", "x", ("m", "S")), Node("y", "y", ("R", "S"))]
    hierarchy = Hierarchy.compile(Taxonomy([*nodes, *leaves]))
    assert lca_heights(at(hierarchy, "x"), at(hierarchy, "y"), hierarchy).tolist() == [1]


@given(answers())
def test_f1_against_a_loop(case: tuple[Taxonomy, Hierarchy, np.ndarray, np.ndarray]) -> None:
    taxonomy, hierarchy, predicted, truth = case
    shared = total = 0
    for ours, theirs in zip(predicted, truth, strict=True):
        left = naive_lineage(taxonomy, hierarchy.node_ids[ours])
        right = naive_lineage(taxonomy, hierarchy.node_ids[theirs])
        shared += len(left & right)
        total += len(left) + len(right)
    assert hierarchical_f1(predicted, truth, hierarchy) == pytest.approx(2 * shared / total)


@given(answers())
def test_lca_heights_against_a_loop(case: tuple[Taxonomy, Hierarchy, np.ndarray, np.ndarray]) -> None:
    taxonomy, hierarchy, predicted, truth = case
    heights = {node.id: naive_height(taxonomy, node.id) for node in taxonomy}
    above_all = 1 + max(heights.values())
    expected = []
    for ours, theirs in zip(predicted, truth, strict=True):
        left = naive_lineage(taxonomy, hierarchy.node_ids[ours])
        right = naive_lineage(taxonomy, hierarchy.node_ids[theirs])
        lowest = min((heights[node_id] for node_id in left & right), default=above_all)
        expected.append(0 if ours == theirs else lowest)
    assert lca_heights(predicted, truth, hierarchy).tolist() == expected


@given(answers())
def test_is_ancestor_or_self_against_a_loop(case: tuple[Taxonomy, Hierarchy, np.ndarray, np.ndarray]) -> None:
    taxonomy, hierarchy, upper, lower = case
    ids = hierarchy.node_ids
    expected = [ids[u] in naive_lineage(taxonomy, ids[v]) for u, v in zip(upper, lower, strict=True)]
    assert is_ancestor_or_self(upper, lower, hierarchy).tolist() == expected
