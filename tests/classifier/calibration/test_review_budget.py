"""A budget of reviews goes to the decisions that are expected to cost most."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.bundles.calibration import Calibration
from classifier.calibration.review_budget import ReviewBudget, plan_reviews
from classifier.errors import CalibrationError
from classifier.evaluation.climbs import Climbs, collect_climbs
from classifier.evaluation.metrics import evaluate
from classifier.inference.decoding import Decoder
from taxonomy import Hierarchy, Node, Taxonomy, TaxonomyError

TREE = Hierarchy.compile(Taxonomy([Node("A", "A"), Node("B", "B"), Node("a1", "a1", ("A",)), Node("a2", "a2", ("A",)),
                                   Node("b1", "b1", ("B",)), Node("b2", "b2", ("B",))]))  # fmt: skip


def sure_of(pairs: list[tuple[str, float]]) -> tuple[np.ndarray, np.ndarray]:
    """(rows, best): each asset's best leaf with its confidence, the rest evenly on the others."""
    rows = np.zeros((len(pairs), 6))
    best = np.array([TREE.index[leaf] for leaf, _ in pairs])
    for row, (_, confidence), end in zip(rows, pairs, best, strict=True):
        row[2:] = (1 - confidence) / 3
        row[end] = confidence
        row[0], row[1] = row[2] + row[3], row[4] + row[5]
    return rows, best


def climbs_of(pairs: list[tuple[str, float]], truth: list[str]) -> Climbs:
    """The climbs of assets whose best leaf has that confidence."""
    rows, best = sure_of(pairs)
    return collect_climbs([(rows, best, np.array([TREE.index[node] for node in truth]))], TREE)


SAMPLES = [("a1", 0.9), ("a1", 0.8), ("b1", 0.95), ("b1", 0.7), ("a2", 0.6)]
CLIMBS = climbs_of(SAMPLES, ["a1", "a1", "b2", "b1", "a1"])


def test_the_least_confident_go_to_people() -> None:
    """Two of five: 0.6 and 0.7; of the other three one is wrong."""
    plan = plan_reviews(CLIMBS, Calibration(), ReviewBudget(400, 1000))
    assert plan.threshold == pytest.approx(0.8)
    assert plan.reviews_per_day == pytest.approx(400)
    assert (plan.coverage, plan.beyond_budget_per_day) == (3 / 5, 0)
    assert plan.accuracy == pytest.approx(2 / 3)


def test_a_dear_subtree_comes_first() -> None:
    """Ten times as dear under B: 0.95 there is worse than 0.6 elsewhere."""
    plan = plan_reviews(CLIMBS, Calibration(), ReviewBudget(400, 1000, {"B": 10.0}))
    assert plan.coverage == 3 / 5
    assert plan.accuracy == pytest.approx(2 / 3)
    (dear,) = plan.subtrees
    assert dear.threshold > 0.95
    assert plan.threshold == pytest.approx(0.6)


def test_what_has_no_decision_comes_before_all() -> None:
    """Above 0.75 the last two climb no further than nowhere and A; with one review a day one is left."""
    calibration = Calibration(threshold=0.85, target_accuracy=0.9)
    plan = plan_reviews(CLIMBS, calibration, ReviewBudget(1, 5))
    assert (plan.reviews_per_day, plan.beyond_budget_per_day) == (0, 2)
    assert plan_reviews(CLIMBS, calibration, ReviewBudget(2, 5)).beyond_budget_per_day == 0


def test_the_plan_is_what_predictions_follow() -> None:
    """What the decoder leaves to people, and what evaluation counts, is what was planned."""
    plan = plan_reviews(CLIMBS, Calibration(), ReviewBudget(2, 5, {"B": 1.5}))
    calibration = Calibration(review=plan)
    rows, best = sure_of(SAMPLES)
    decoder = Decoder(TREE, calibration, "m")
    made = [decoder.predict("a", row, int(end)).decision for row, end in zip(rows, best, strict=True)]
    assert sum(decision.node is None for decision in made) == plan.reviews_per_day == 2
    found = evaluate(CLIMBS, calibration).decision
    assert (found.coverage, found.accuracy) == (plan.coverage, plan.accuracy)
    assert found.review_fraction == 2 / 5


@given(
    st.lists(st.tuples(st.sampled_from(["a1", "a2", "b1", "b2"]), st.floats(0.3, 1.0)), min_size=1, max_size=30),
    st.floats(0, 1.2),
    st.floats(0.2, 20),
)
def test_never_more_than_the_budget_and_never_the_cheaper_first(
    pairs: list[tuple[str, float]], share: float, cost: float
) -> None:
    """However confidences and costs lie: within the budget, and no asset left costs more than one reviewed."""
    climbs = climbs_of(pairs, ["a1"] * len(pairs))
    plan = plan_reviews(climbs, Calibration(), ReviewBudget(share * 100, 100, {"B": cost}))
    assert plan.reviews_per_day <= share * 100 + 1e-6
    expected = np.array([(1 - confidence) * (cost if leaf[0] == "b" else 1.0) for leaf, confidence in pairs])
    thresholds = Calibration(review=plan).review_thresholds(TREE)
    reviewed = np.array([confidence < thresholds[TREE.index[leaf]] for leaf, confidence in pairs])
    if reviewed.any() and not reviewed.all():
        assert expected[~reviewed].max() <= expected[reviewed].min() + 1e-6


def test_more_reviews_than_assets_review_all_that_may_be_wrong() -> None:
    plan = plan_reviews(CLIMBS, Calibration(), ReviewBudget(50, 5))
    assert (plan.reviews_per_day, plan.coverage, plan.accuracy) == (5, 0, 0)


@pytest.mark.parametrize(
    "budget",
    [ReviewBudget(-1, 5), ReviewBudget(1, 0), ReviewBudget(float("nan"), 5), ReviewBudget(1, 5, {"B": 0.0})],
)
def test_an_impossible_budget_is_refused(budget: ReviewBudget) -> None:
    with pytest.raises(CalibrationError, match="review budget: "):
        plan_reviews(CLIMBS, Calibration(), budget)


def test_an_unknown_subtree_and_no_samples() -> None:
    with pytest.raises(TaxonomyError, match="no node has the id 'Weapons'"):
        plan_reviews(CLIMBS, Calibration(), ReviewBudget(1, 5, {"Weapons": 2.0}))
    none = np.array([], dtype=np.int64)
    empty = replace(CLIMBS, truth=none, samples=none, nodes=none, probs=np.array([]))
    with pytest.raises(CalibrationError, match="no calibration samples"):
        plan_reviews(empty, Calibration(), ReviewBudget(1, 5))
