"""What is said of one asset: a label a level, how deep to trust it, and why."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags

from classifier.inference.decision import Decision, decide
from classifier.inference.prediction import predict_asset
from taxonomy import Hierarchy, Taxonomy

#                  A    B    a1   a2    b1    b2
PROBS = np.array([0.8, 0.2, 0.6, 0.2, 0.15, 0.05])


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (None, Decision("a1", ("A", "a1"), 2, 0.6, "terminal: no threshold was calibrated")),
        (0.0, Decision("a1", ("A", "a1"), 2, 0.6, "terminal: 0.600 >= threshold 0.000")),
        (0.6, Decision("a1", ("A", "a1"), 2, 0.6, "terminal: 0.600 >= threshold 0.600")),
        (0.61, Decision("A", ("A",), 1, 0.8, "stopped at A: a1 has 0.600 < threshold 0.610")),
        (0.8, Decision("A", ("A",), 1, 0.8, "stopped at A: a1 has 0.600 < threshold 0.800")),
        (0.9, Decision(None, (), 0, 0.0, "undecided: A has 0.800 < threshold 0.900")),
    ],
)
def test_the_climb(tree: Hierarchy, threshold: float | None, expected: Decision) -> None:
    """From the best terminal up to the first node of at least the threshold; the reason tells why there."""
    assert decide((0, 2), PROBS, tree, threshold) == expected


def test_a_reason_names_the_whole_path_it_stopped_at(dag: Hierarchy) -> None:
    #                   out wear foot tents boots sandals
    probs = np.array([0.2, 0.95, 0.9, 0.05, 0.3, 0.5])
    decision = decide((1, 2, 5), probs, dag, 0.8)
    assert decision.reason == "stopped at Clothing > Footwear: Sandals has 0.500 < threshold 0.800"
    assert decision.path == ("Clothing", "Footwear")


def test_the_best_path_runs_through_the_likelier_parent(dag: Hierarchy) -> None:
    """Boots lie under Outdoor and under Clothing > Footwear: the probabilities choose."""
    by_footwear = predict_asset("a", np.array([0.6, 0.8, 0.8, 0.1, 0.5, 0.2]), 4, dag, model="m", threshold=None)
    assert by_footwear.decision.path == ("Clothing", "Footwear", "Boots")
    by_outdoor = predict_asset("a", np.array([0.8, 0.6, 0.6, 0.1, 0.5, 0.1]), 4, dag, model="m", threshold=None)
    assert by_outdoor.decision.path == ("Outdoor", "Boots")
    assert by_outdoor.decision.level == 3


def test_an_inner_terminal_ends_the_path(dag: Hierarchy) -> None:
    prediction = predict_asset("a", np.array([0.1, 0.9, 0.9, 0.1, 0.1, 0.1]), 2, dag, model="m", threshold=0.5)
    assert [label.node for label in prediction.levels] == ["wear", "foot"]
    assert prediction.decision.node == "foot"


def test_the_object_in_full(tree: Hierarchy) -> None:
    """As `predict --json` prints it: alternatives by confidence, without the node itself, three at most."""
    prediction = predict_asset("a.jpg", PROBS, 2, tree, model="net@1", threshold=0.7)
    assert json.loads(json.dumps(prediction.as_dict())) == {
        "asset": "a.jpg",
        "release": tree.release,
        "model": "net@1",
        "levels": [
            {
                "level": 1,
                "node": "A",
                "name": "A",
                "confidence": 0.8,
                "alternatives": [{"node": "B", "name": "B", "confidence": 0.2}],
            },
            {
                "level": 2,
                "node": "a1",
                "name": "a1",
                "confidence": 0.6,
                "alternatives": [
                    {"node": "a2", "name": "a2", "confidence": 0.2},
                    {"node": "b1", "name": "b1", "confidence": 0.15},
                    {"node": "b2", "name": "b2", "confidence": 0.05},
                ],
            },
        ],
        "decision": {
            "node": "A",
            "path": ["A"],
            "level": 1,
            "confidence": 0.8,
            "reason": "stopped at A: a1 has 0.600 < threshold 0.700",
        },
    }


@st.composite
def predictions(draw: st.DrawFn) -> tuple[Taxonomy, Hierarchy, np.ndarray, int]:
    """A random DAG with coherent probabilities and the position of the best terminal."""
    taxonomy = draw(dags())
    hierarchy = Hierarchy.compile(taxonomy)
    weights = np.array([draw(st.integers(0, 9)) for _ in hierarchy.terminals]) + 1e-3
    probs = (weights @ hierarchy.incidence.toarray()) / weights.sum()
    for parent, child in hierarchy.edges[::-1]:
        probs[parent] = max(probs[parent], probs[child])
    return taxonomy, hierarchy, probs, int(hierarchy.terminals[np.argmax(weights)])


@given(predictions())
def test_confidences_never_rise(case: tuple[Taxonomy, Hierarchy, np.ndarray, int]) -> None:
    """From level to level, along real edges, from a root to the best terminal."""
    taxonomy, hierarchy, probs, best = case
    levels = predict_asset("a", probs, best, hierarchy, model="m", threshold=None).levels
    confidences = [label.confidence for label in levels]
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 <= confidence <= 1.000001 for confidence in confidences)
    assert taxonomy[levels[0].node].parents == ()
    assert levels[-1].node == hierarchy.node_ids[best]
    for above, below in pairwise(levels):
        assert above.node in taxonomy[below.node].parents
        assert above.level < below.level


@given(predictions(), st.floats(0, 1.1))
def test_the_decision_is_the_deepest_that_may_be_trusted(
    case: tuple[Taxonomy, Hierarchy, np.ndarray, int], threshold: float
) -> None:
    _, hierarchy, probs, best = case
    path = hierarchy.path(best, probs)
    trusted = [node for node in path if probs[node] >= threshold]
    decision = decide(path, probs, hierarchy, threshold)
    assert decision.node == (hierarchy.node_ids[trusted[-1]] if trusted else None)
    assert len(decision.path) == len(trusted)
