"""What a report finds, on a case small enough to work by hand."""

import numpy as np
import pytest
from random_taxonomies import balanced_tree

from classifier.evaluation.climbs import Climbs, collect_climbs
from classifier.report.confusion import ABOVE_ROOTS, STAYS, root_matrix, worst_turns, wrong_turns
from classifier.report.curves import coverages, fully_labelled, operating_curves, reliability
from classifier.report.nodes import accuracy_by_size, level_spreads, worst_nodes
from taxonomy import Hierarchy

A, B, A1, A2, B1, B2 = range(6)

#    A    B    a1   a2   b1   b2
ROWS = [
    [0.8, 0.2, 0.7, 0.1, 0.1, 0.1],  # right
    [0.7, 0.3, 0.5, 0.2, 0.2, 0.1],  # right root, wrong leaf
    [0.5, 0.5, 0.4, 0.1, 0.3, 0.2],  # wrong altogether
    [0.2, 0.8, 0.1, 0.1, 0.6, 0.2],  # labelled at B alone, and B it is
]


@pytest.fixture
def climbs(tree: Hierarchy) -> Climbs:
    """Those of ROWS: a1 is best three times and b1 once; the labels are a1, a2, b1 and B."""
    return collect_climbs([(np.array(ROWS), np.array([A1, A1, A1, B1]), np.array([A1, A2, B1, B]))], tree)


def dag_climbs(dag: Hierarchy) -> Climbs:
    """Footwear as such answered boots and itself; boots answered by way of out, tents, and footwear as such."""
    index = dag.index
    rows = np.array([[0.5, 0.9, 0.8, 0.1, 0.4, 0.3]] * 2 + [[0.9, 0.5, 0.5, 0.4, 0.5, 0.0]] * 3)
    best = [index[name] for name in ("sandals", "foot", "boots", "tents", "foot")]
    truth = [index[name] for name in ("foot", "foot", "boots", "boots", "boots")]
    return collect_climbs([(rows, np.array(best), np.array(truth))], dag)


def test_a_wrong_path_is_counted_where_it_turned_wrong(climbs: Climbs) -> None:
    """The second image turns wrong at A, the third at the roots; the half-labelled one not at all."""
    assert wrong_turns(climbs).tolist() == [[1, A, A2, A1], [2, ABOVE_ROOTS, B, A]]


def test_wrong_turns_come_with_counts(climbs: Climbs) -> None:
    """Four images came by the roots, two by A; one of two images of B was taken for A."""
    roots, at_a = worst_turns(climbs, 5, 5)
    assert (roots.parent, roots.images, roots.wrong) == (ABOVE_ROOTS, 4, 1)
    assert [(pair.truth, pair.answered, pair.count, pair.truth_count) for pair in roots.confusions] == [(B, A, 1, 2)]
    assert (at_a.parent, at_a.images, at_a.wrong) == (A, 2, 1)
    assert worst_turns(climbs, 1, 5) == [roots]


def test_the_roots_as_a_matrix(climbs: Climbs) -> None:
    """Truth in rows; too many roots give none."""
    found = root_matrix(climbs, 2)
    assert found is not None
    assert found[0] == [A, B]
    assert found[1].tolist() == [[2, 0], [1, 1]]
    assert root_matrix(climbs, 1) is None


def test_a_path_that_stops_short_or_goes_too_far(dag: Hierarchy) -> None:
    """An inner terminal counts as a sibling of its children; a shared child is found by either parent."""
    index = dag.index
    assert wrong_turns(dag_climbs(dag)).tolist() == [
        [0, index["foot"], STAYS, index["sandals"]],
        [3, index["out"], index["boots"], index["tents"]],
        [4, index["foot"], index["boots"], STAYS],
    ]


def test_roots_of_a_shared_node(dag: Hierarchy) -> None:
    """Boots stand under both roots: either answer is right."""
    found = root_matrix(dag_climbs(dag), 5)
    assert found is not None
    assert found[1].tolist() == [[2, 0], [0, 3]]


def test_the_worst_nodes(climbs: Climbs) -> None:
    """By recall, then by images; with what was said instead."""
    scores = {score.node: score for score in worst_nodes(climbs, 10)}
    assert list(scores) == [A2, B1, B, A, A1]
    assert (scores[B].images, scores[B].recall, scores[B].precision) == (2, 0.5, 1.0)
    assert (scores[B].taken_for, scores[B].taken_count) == (A, 1)
    assert (scores[A1].recall, scores[A1].answers, scores[A1].precision) == (1.0, 3, 1 / 3)
    assert scores[A1].taken_for is None
    assert scores[A2].precision is None


def test_reliability_holds_every_answer_once(climbs: Climbs) -> None:
    """Four answers at level 1 make one bin; the interval holds the share."""
    level = reliability(climbs, 1)
    assert level is not None
    assert level.counts.tolist() == [4]
    assert level.confidence.tolist() == pytest.approx([0.7])
    assert level.accuracy.tolist() == [0.75]
    assert level.low[0] < 0.75 < level.high[0]


def test_reliability_bins_are_of_equal_mass(tree: Hierarchy) -> None:
    """1,005 answers in ten bins of 100 or 101; confidences that are right on average lie in their intervals."""
    random = np.random.default_rng(3)
    chance = random.uniform(0, 1, 1005)
    rows = np.stack([chance, 1 - chance, chance, 0 * chance, 1 - chance, 0 * chance], axis=1)
    truth = np.where(random.uniform(0, 1, 1005) < chance, A1, B1)
    level = reliability(collect_climbs([(rows, np.full(1005, A1), truth)], tree), 2)
    assert level is not None
    assert sorted(set(level.counts.tolist())) == [100, 101]
    assert level.counts.sum() == 1005
    assert ((level.low <= level.confidence) & (level.confidence <= level.high)).sum() >= 8


def test_coverage_by_hand(climbs: Climbs) -> None:
    """Level 1: confidences 0.8 (twice, right), 0.7 (right), 0.5 (wrong)."""
    one, two, full = coverages(climbs)
    assert (one.name, one.answers, one.at(0.9), one.at(0.75)) == ("level 1", 4, 0.75, 1.0)
    assert one.answered.tolist() == [0.5, 0.75, 1.0]
    assert (two.name, two.answers) == ("level 2", 3)
    assert two.at(0.95) == pytest.approx(1 / 3)
    assert (full.name, full.answers) == ("full path", 3)
    assert full.at(0.5) == pytest.approx(2 / 3)


def test_the_flat_baseline_answers_a_terminal_or_nothing(climbs: Climbs) -> None:
    """Both curves start at the same full answers; climbing keeps the root that the flat classifier gives up."""
    climb, flat = operating_curves(climbs, "ours")
    assert (climb.name, flat.name) == ("ours", "flat baseline")
    assert climb.curve.correct[0] == flat.curve.correct[0] == pytest.approx(1 / 3)
    assert climb.curve.recall[0] == flat.curve.recall[0] == pytest.approx((1 + 0.5 + 0) / 3)
    assert flat.curve.recall_at(1.0) == pytest.approx(1 / 3)
    assert climb.curve.recall_at(1.0) == pytest.approx((1 + 0.5) / 3)


def test_the_flat_baseline_has_nothing_to_say_of_half_labels(tree: Hierarchy, climbs: Climbs) -> None:
    """They are left out of both curves; without any full label there is no curve."""
    assert fully_labelled(climbs).truth.tolist() == [A1, A2, B1]
    assert fully_labelled(climbs).samples.tolist() == [0, 0, 1, 1, 2, 2]
    half = collect_climbs([(np.array(ROWS), np.array([A1, A1, A1, B1]), np.array([A, A, B, B]))], tree)
    assert operating_curves(half, "ours") == []
    assert [coverage.name for coverage in coverages(half)] == ["level 1", "level 2"]


def test_the_spread_of_images_over_nodes() -> None:
    """Ten leaves under one root: one empty, eight of one image, one of ninety-two, which is the fullest tenth."""
    hierarchy = Hierarchy.compile(balanced_tree(10, 2))
    labels = np.concatenate([np.arange(1, 10), np.full(91, 7)])
    root, leaves = level_spreads(labels, hierarchy)
    assert (root.nodes, root.least, root.most, root.share_of_tenth) == (1, 100, 100, 1.0)
    assert (leaves.nodes, leaves.empty, leaves.least, leaves.median, leaves.most) == (10, 1, 0, 1.0, 92)
    assert leaves.share_of_tenth == pytest.approx(0.92)


def test_accuracy_by_training_images(climbs: Climbs) -> None:
    """a2 and b1, never right, were trained on 1 and 2 images; a1 on 9."""
    sizes = accuracy_by_size(climbs, np.array([A2] + [B1] * 2 + [A1] * 9))
    assert sizes.train_images.tolist() == [1, 2, 9]
    assert sizes.recall.tolist() == [0, 0, 1]
    assert sizes.images.tolist() == [1, 1, 1]
