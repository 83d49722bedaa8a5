"""Evaluation: a case small enough to work every number by hand, half-labelled truth included."""

import json
from dataclasses import replace

import numpy as np
import pytest
from random_taxonomies import balanced_tree

from classifier.bundles.calibration import Calibration, EnergyCheck, ReviewPlan, SubtreeTarget
from classifier.evaluation.climbs import Climbs, collect_climbs
from classifier.evaluation.metrics import evaluate
from taxonomy import Hierarchy, Node, Taxonomy
from taxonomy.metrics import operating_curve

A, B, A1, A2, B1, B2 = range(6)

#    A    B    a1   a2   b1   b2
ROWS = [
    [0.8, 0.2, 0.7, 0.1, 0.1, 0.1],  # right
    [0.7, 0.3, 0.5, 0.2, 0.2, 0.1],  # right root, wrong leaf
    [0.5, 0.5, 0.4, 0.1, 0.3, 0.2],  # wrong altogether
    [0.2, 0.8, 0.1, 0.1, 0.6, 0.2],  # labelled at B alone, and B it is
]
BEST = [A1, A1, A1, B1]
TRUTH = [A1, A2, B1, B]


@pytest.fixture
def climbs(tree: Hierarchy) -> Climbs:
    """The four samples, in two batches."""
    rows, best, truth = np.array(ROWS), np.array(BEST), np.array(TRUTH)
    return collect_climbs([(rows[:3], best[:3], truth[:3]), (rows[3:], best[3:], truth[3:])], tree)


def test_the_climbs(climbs: Climbs) -> None:
    """From the best terminal up; below the half label nothing is judged."""
    assert climbs.samples.tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert climbs.nodes.tolist() == [A1, A, A1, A, A1, A, B]
    assert climbs.probs.tolist() == [0.7, 0.8, 0.5, 0.7, 0.4, 0.5, 0.8]
    assert climbs.right.tolist() == [True, True, False, True, False, False, True]
    assert climbs.starts.tolist() == [0, 2, 4, 6]
    assert not climbs.incoherent.any()


def test_the_last_wrong_probability_of_each_fully_labelled_sample(climbs: Climbs) -> None:
    assert climbs.wrong_probs().tolist() == [0.0, 0.5, 0.5]
    assert climbs.root_probs().tolist() == [0.8, 0.7, 0.5]
    assert climbs.best.tolist() == [A1, A1, A1, B]


def test_strange_images_and_those_for_people_are_left_undecided(climbs: Climbs) -> None:
    """The first sample's energy exceeds the limit; the second's decision, A by 0.7, is below the review threshold."""
    plan = ReviewPlan(
        budget_per_day=25, assets_per_day=100, threshold=0.75, reviews_per_day=25, beyond_budget_per_day=0,
        coverage=1, accuracy=1, samples=4,
    )  # fmt: skip
    calibration = Calibration(
        threshold=0.6, target_accuracy=0.9, energy=EnergyCheck(limit=-1.0, false_alarms=0.05), review=plan
    )
    strange = replace(climbs, energies=np.array([-0.5, -1.0, -2.0, -3.0]))
    found = evaluate(strange, calibration).decision
    assert (found.coverage, found.unfamiliar_fraction, found.review_fraction) == (1 / 4, 1 / 4, 1 / 4)
    assert found.accuracy == 1.0
    assert evaluate(climbs, calibration).decision.review_fraction == 2 / 4


def test_each_subtree_is_decided_by_its_own_threshold(climbs: Climbs) -> None:
    """Under A, where the first three samples lie, 0.75; elsewhere 0.9."""
    own = SubtreeTarget(node="A", target_accuracy=0.6, threshold=0.75, samples=3)
    found = evaluate(climbs, Calibration(threshold=0.9, target_accuracy=0.9, subtrees=(own,))).decision
    assert (found.coverage, found.accuracy, found.mean_level) == (1 / 4, 1.0, 1.0)


def test_the_numbers(climbs: Climbs) -> None:
    found = evaluate(climbs, Calibration())
    assert found.samples == 4
    assert found.full_path_accuracy == pytest.approx(1 / 3)
    assert found.hierarchical_f1 == pytest.approx(2 * (2 + 1 + 0 + 1) / (7 + 7))
    assert found.mistake_severity == pytest.approx((1 + 2) / 2)
    assert found.mean_hierarchical_distance == pytest.approx((0 + 1 + 2 + 0) / 4)
    assert found.incoherent_fraction == 0.0


def test_the_levels(climbs: Climbs) -> None:
    """Level 2 is measured on the three samples whose truth reaches it; macro means go over true nodes."""
    one, two = evaluate(climbs, Calibration()).levels
    assert one.model_dump() == pytest.approx(
        {
            "level": 1,
            "nodes": 2,
            "samples": 4,
            "top1": 3 / 4,
            "top5": 1.0,
            "macro_top1": (2 / 2 + 1 / 2) / 2,
            "ece": (0.2 + 0.3 + 0.5 + 0.2) / 4,
            "ece_by_chance": np.sqrt(2 / np.pi) * (0.4 + np.sqrt(0.21) + 0.5 + 0.4) / 4,
        }
    )
    assert two.model_dump() == pytest.approx(
        {
            "level": 2,
            "nodes": 4,
            "samples": 3,
            "top1": 1 / 3,
            "top5": 1.0,
            "macro_top1": 1 / 3,
            "ece": (0.3 + 0.5 + 0.4) / 3,
            "ece_by_chance": np.sqrt(2 / np.pi) * (np.sqrt(0.21) + 0.5 + np.sqrt(0.24)) / 3,
        }
    )


@pytest.mark.parametrize(
    ("threshold", "accuracy", "wrong", "coverage", "mean_level"),
    [
        (None, 2 / 4, 2 / 4, 1.0, 7 / 4),
        (0.0, 2 / 4, 2 / 4, 1.0, 7 / 4),
        (0.6, 1.0, 0.0, 3 / 4, 4 / 3),
        (0.99, 0.0, 0.0, 0.0, 0.0),
    ],
)
def test_the_decisions(
    climbs: Climbs, threshold: float | None, accuracy: float, wrong: float, coverage: float, mean_level: float
) -> None:
    """At 0.6: a1, then A for the second, none for the third, B."""
    target = None if threshold is None else 0.9
    decision = evaluate(climbs, Calibration(threshold=threshold, target_accuracy=target)).decision
    assert decision.model_dump() == pytest.approx(
        {
            "target_accuracy": target,
            "threshold": threshold,
            "accuracy": accuracy,
            "wrong_fraction": wrong,
            "coverage": coverage,
            "mean_level": mean_level,
            "guarantee": "images",
            "unfamiliar_fraction": 0.0,
            "review_fraction": 0.0,
        }
    )


def test_the_operating_curve_is_that_of_the_climbs(climbs: Climbs, tree: Hierarchy) -> None:
    found = evaluate(climbs, Calibration()).operating_curve
    samples, nodes = np.array([0, 0, 1, 1, 2, 2, 3]), np.array([A1, A, A1, A, A1, A, B])
    curve = operating_curve(samples, nodes, np.array([0.7, 0.8, 0.5, 0.7, 0.4, 0.5, 0.8]), np.array(TRUTH), tree)
    assert found.model_dump() == pytest.approx(
        {"ap": curve.ap, "ac": curve.ac, "recall_at_90": curve.recall_at(0.9), "recall_at_95": curve.recall_at(0.95)}
    )


def test_the_object_is_json(climbs: Climbs) -> None:
    """With every field that the design names."""
    found = json.loads(json.dumps(evaluate(climbs, Calibration(threshold=0.6, target_accuracy=0.9)).as_dict()))
    assert set(found) == {
        "samples",
        "full_path_accuracy",
        "levels",
        "hierarchical_f1",
        "mistake_severity",
        "mean_hierarchical_distance",
        "incoherent_fraction",
        "operating_curve",
        "decision",
    }


def test_incoherent_rows_are_counted(tree: Hierarchy) -> None:
    """One of two rows has a leaf above its root."""
    rows = np.array([ROWS[0], [0.5, 0.5, 0.6, 0.0, 0.3, 0.2]])
    climbs = collect_climbs([(rows, np.array([A1, A1]), np.array([A1, A1]))], tree)
    assert evaluate(climbs, Calibration()).incoherent_fraction == 0.5


def test_top_five_is_five() -> None:
    """Of nine leaves the fifth most probable is in, the sixth is out."""
    hierarchy = Hierarchy.compile(balanced_tree(9, 2))
    row = np.array([1.0, 0.30, 0.20, 0.15, 0.10, 0.08, 0.07, 0.05, 0.03, 0.02])
    rows, best = np.tile(row, (9, 1)), np.ones(9, dtype=np.int64)
    climbs = collect_climbs([(rows, best, np.arange(1, 10))], hierarchy)
    assert climbs.top5[:, 1].tolist() == [True] * 5 + [False] * 4
    level = evaluate(climbs, Calibration()).levels[1]
    assert (level.top1, level.top5) == pytest.approx((1 / 9, 5 / 9))


def test_a_mistake_below_a_half_label_is_not_judged() -> None:
    """Labelled at an inner node, answered by a leaf under another root: wrong; under the node itself: right."""
    nodes = [Node("A", "A"), Node("B", "B"), Node("a", "a", ("A",)), Node("x", "x", ("a",)), Node("y", "y", ("B",))]
    hierarchy = Hierarchy.compile(Taxonomy(nodes))
    index = hierarchy.index
    probs = np.zeros((2, 5))
    best = np.array([index["x"], index["y"]])
    climbs = collect_climbs([(probs, best, np.array([index["a"]] * 2))], hierarchy)
    assert [hierarchy.node_ids[node] for node in climbs.nodes] == ["a", "A", "y", "B"]
    assert climbs.right.tolist() == [True, True, False, False]
    assert climbs.wrong_probs().tolist() == []
    assert evaluate(climbs, Calibration()).full_path_accuracy == 0.0


def test_an_answer_above_or_below_an_inner_terminal(dag: Hierarchy) -> None:
    """The label "footwear as such": boots are too much, footwear is right, clothing is right but short."""
    rows = np.array([[0.5, 0.9, 0.8, 0.1, 0.4, 0.3]] * 2)
    foot = dag.index["foot"]
    climbs = collect_climbs([(rows, np.array([dag.index["sandals"], foot]), np.array([foot, foot]))], dag)
    assert climbs.right.tolist() == [False, True, True, True, True]
    assert climbs.wrong_probs().tolist() == [0.3, 0.0]
    assert evaluate(climbs, Calibration()).full_path_accuracy == 0.5
