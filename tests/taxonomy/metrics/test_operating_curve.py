"""The operating curve: worked by hand, and against the climb done sample by sample at every threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags, naive_lineage

from taxonomy import Hierarchy, Node, Taxonomy
from taxonomy.metrics import OperatingCurve, operating_curve

Climb = list[tuple[int, float]]  # (node, confidence) from the best terminal up to a root


def curve_of(climbs: list[Climb], truth: list[int], hierarchy: Hierarchy) -> OperatingCurve:
    steps = [(sample, node, confidence) for sample, climb in enumerate(climbs) for node, confidence in climb]
    samples, nodes, confidences = zip(*steps, strict=True)
    return operating_curve(
        np.array(samples), np.array(nodes), np.array(confidences, dtype=np.float64), np.array(truth), hierarchy
    )


@pytest.fixture
def tree() -> Hierarchy:
    """A(a1, a2) and B(b1, b2), at positions A 0, B 1, a1 2, a2 3, b1 4, b2 5: a root tells half of what a leaf does."""
    leaves = [Node(f"{root}{i}", f"{root}{i}", (root.upper(),)) for root in "ab" for i in (1, 2)]
    return Hierarchy.compile(Taxonomy([Node("A", "A"), Node("B", "B"), *leaves]))


@pytest.fixture
def four(tree: Hierarchy) -> OperatingCurve:
    """Right; wrong altogether; right root but wrong leaf; right."""
    climbs = [[(2, 0.8), (0, 0.9)], [(4, 0.6), (1, 0.7)], [(3, 0.5), (0, 0.95)], [(4, 0.4), (1, 0.85)]]
    return curve_of(climbs, [2, 2, 2, 4], tree)


def test_the_points_by_hand(four: OperatingCurve) -> None:
    """One point for each threshold at which one of the four samples gives up one step."""
    assert four.thresholds.tolist() == [0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95]
    np.testing.assert_allclose(four.correct, [0.5, 0.5, 0.75, 0.75, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(four.precision, [0.625, 0.625, 0.75, 0.75, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(four.recall, [0.625, 0.5, 0.5, 0.5, 0.5, 0.375, 0.25, 0.125, 0], atol=1e-12)


def test_the_areas_by_hand(four: OperatingCurve) -> None:
    """Half the recall at 1, the last eighth at 0.625 of precision and 0.5 correct."""
    assert four.ap == pytest.approx(0.5 + 0.125 * 0.625)
    assert four.ac == pytest.approx(0.5 + 0.125 * 0.5)


def test_recall_at_a_share_correct_by_hand(four: OperatingCurve) -> None:
    assert four.recall_at(0.5) == pytest.approx(0.625)
    assert four.recall_at(0.75) == pytest.approx(0.5)
    assert four.recall_at(1.0) == pytest.approx(0.5)


def test_all_right_gives_full_areas(tree: Hierarchy) -> None:
    curve = curve_of([[(2, 0.9), (0, 1.0)], [(5, 0.9), (1, 1.0)]], [2, 5], tree)
    assert (curve.ap, curve.ac, curve.recall_at(0.95)) == pytest.approx((1.0, 1.0, 1.0))


def test_all_wrong_gives_none(tree: Hierarchy) -> None:
    """Nothing correct is ever answered: only silence is."""
    curve = curve_of([[(2, 0.9), (0, 1.0)]], [5], tree)
    assert (curve.ap, curve.ac, curve.recall_at(0.9)) == (0.0, 0.0, 0.0)
    assert curve.correct[-1] == 1.0


@st.composite
def climbs_on_dags(draw: st.DrawFn) -> tuple[Taxonomy, Hierarchy, list[Climb], list[int]]:
    """Climbs of coherent probabilities: terminals have whole weights, nodes the sum of those below."""
    taxonomy = draw(dags(12))
    hierarchy = Hierarchy.compile(taxonomy)
    below = hierarchy.incidence.toarray()
    climbs, truth = [], []
    for _ in range(draw(st.integers(1, 6))):
        weights = np.array([draw(st.integers(1, 9)) for _ in hierarchy.terminals])
        probs = (weights @ below) / weights.sum()
        path = hierarchy.path(int(hierarchy.terminals[np.argmax(weights)]), probs)
        climbs.append([(node, float(probs[node])) for node in reversed(path)])
        truth.append(draw(st.integers(0, len(hierarchy) - 1)))
    return taxonomy, hierarchy, climbs, truth


def naive_point(
    taxonomy: Taxonomy, hierarchy: Hierarchy, climbs: list[Climb], truth: list[int], threshold: float
) -> tuple[float, float, float]:
    """The means of (correct, precision, recall) when every sample answers its first node above the threshold."""
    rows = []
    for climb, true_node in zip(climbs, truth, strict=True):
        answer = next((node for node, confidence in climb if confidence > threshold), None)
        if answer is None:
            rows.append((1.0, 1.0, 0.0))
            continue
        ours = naive_lineage(taxonomy, hierarchy.node_ids[answer])
        theirs = naive_lineage(taxonomy, hierarchy.node_ids[true_node])
        shared = max((hierarchy.information[hierarchy.position(node)] for node in ours & theirs), default=0.0)
        told, there = hierarchy.information[answer], hierarchy.information[true_node]
        rows.append(
            (
                float(hierarchy.node_ids[answer] in theirs),
                shared / told if told > 0 else 1.0,
                shared / there if there > 0 else 1.0,
            )
        )
    correct, precision, recall = np.mean(rows, axis=0)
    return float(correct), float(precision), float(recall)


@given(climbs_on_dags())
def test_every_point_against_a_loop(case: tuple[Taxonomy, Hierarchy, list[Climb], list[int]]) -> None:
    """On random DAGs, at every threshold, and with recall that never rises along the curve."""
    taxonomy, hierarchy, climbs, truth = case
    curve = curve_of(climbs, truth, hierarchy)
    points = zip(curve.thresholds, curve.correct, curve.precision, curve.recall, strict=True)
    for threshold, *point in points:
        assert point == pytest.approx(naive_point(taxonomy, hierarchy, climbs, truth, threshold), abs=1e-9)
    assert (np.diff(curve.thresholds) > 0).all()
    assert (np.diff(curve.recall) <= 1e-9).all()
    assert curve.recall[-1] == pytest.approx(0.0, abs=1e-9)
