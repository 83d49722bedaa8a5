"""Decode options: what each means, and that all of them stay coherent, on random trees and DAGs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags, trees

from classifier.bundles.calibration import Calibration, EnergyCheck, ReviewPlan, SubtreeTarget
from classifier.errors import DecodeError
from classifier.inference.decoding import DecodeOptions, Decoder
from classifier.inference.least_cost import expected_costs, least_cost_terminal
from classifier.inference.prediction import Alternative, AssetPrediction, LevelLabel, NodeConfidence
from classifier.outputs.path_softmax import PathSoftmax
from classifier.outputs.terminals import Terminals
from taxonomy import Hierarchy, Taxonomy, TaxonomyError
from taxonomy.metrics import lca_heights

NO_CALIBRATION = Calibration()
#                  A    B    a1   a2   b1    b2
PROBS = np.array([0.6, 0.4, 0.35, 0.25, 0.38, 0.02])
B1 = 4


def decode(
    hierarchy: Hierarchy, probs: np.ndarray, best: int, calibration: Calibration = NO_CALIBRATION, **options: Any
) -> AssetPrediction:
    """The prediction of one asset by these options."""
    return Decoder(hierarchy, calibration, "m", DecodeOptions(**options)).predict("a", probs, best)


def drawn_masses(hierarchy: Hierarchy, seed: int) -> np.ndarray:
    """(T,) random terminal masses that sum to 1, some of them nearly nothing."""
    random = np.random.default_rng(seed)
    return random.dirichlet(np.full(len(hierarchy.terminals), 0.3))


def confidences(prediction: AssetPrediction) -> Mapping[str, float]:
    """Node id -> confidence, of every node that the prediction names."""
    named: list[LevelLabel | Alternative | NodeConfidence] = [*prediction.levels, *(prediction.reported or ())]
    named += [other for label in prediction.levels for other in label.alternatives]
    return {label.node: label.confidence for label in named}


@given(dags(), st.integers(0, 99))
def test_terminals_there_and_back(taxonomy: Taxonomy, seed: int) -> None:
    """Node probabilities of terminal masses give the masses back; and they are coherent to the last bit."""
    hierarchy = Hierarchy.compile(taxonomy)
    terminals, masses = Terminals(hierarchy), drawn_masses(hierarchy, seed)
    probs = terminals.summed(masses)
    parents, children = hierarchy.edges.T
    assert (probs[children] <= probs[parents]).all()
    np.testing.assert_allclose(terminals.exact(probs), masses, atol=1e-12)
    expected = [masses[terminals.under(node)].sum() for node in range(len(hierarchy))]
    np.testing.assert_allclose(probs, expected, atol=1e-12)


@given(dags(), st.integers(0, 99), st.data())
def test_every_condition_keeps_the_probabilities_coherent(taxonomy: Taxonomy, seed: int, data: st.DataObject) -> None:
    """With any branch, allow list and block list that leave something: no node exceeds a parent, no removed node is
    named with anything but 0, and what is left sums to 1."""
    hierarchy = Hierarchy.compile(taxonomy)
    nodes = st.sampled_from(hierarchy.node_ids)
    options = DecodeOptions(
        decode=data.draw(st.sampled_from(["best", "crm"])),
        under=data.draw(st.none() | nodes),
        allow=tuple(data.draw(st.lists(nodes, max_size=3))),
        block=tuple(data.draw(st.lists(nodes, max_size=2))),
        report=hierarchy.node_ids,
        bins={"all": hierarchy.node_ids},
    )
    terminals = Terminals(hierarchy)
    left = np.ones(len(hierarchy.terminals), dtype=bool)
    for wanted in [(options.under,) if options.under else (), options.allow]:
        if wanted:
            left &= np.any([terminals.under(hierarchy.position(node)) for node in wanted], axis=0)
    for node in options.block:
        left &= ~terminals.under(hierarchy.position(node))
    if not left.any():
        with pytest.raises(DecodeError, match="nothing is left"):
            Decoder(hierarchy, NO_CALIBRATION, "m", options)
        return
    masses = drawn_masses(hierarchy, seed)
    probs = terminals.summed(masses)
    best = int(hierarchy.terminals[masses.argmax()])
    found = Decoder(hierarchy, NO_CALIBRATION, "m", options).predict("a", probs, best)
    told = np.array([node.confidence for node in found.reported or ()])
    parents, children = hierarchy.edges.T
    assert (told[children] <= told[parents]).all()
    expected = [masses[left & terminals.under(node)].sum() / masses[left].sum() for node in range(len(hierarchy))]
    np.testing.assert_allclose(told, expected, atol=1e-6)
    assert found.bins == {"all": 1.0}
    end = hierarchy.position(found.levels[-1].node)
    assert left[np.flatnonzero(hierarchy.terminals == end)[0]]
    assert [label.confidence for label in found.levels] == sorted((x.confidence for x in found.levels), reverse=True)


def test_a_branch_by_hand(tree: Hierarchy) -> None:
    """Under B: b1 is 0.38 of 0.40; A and its children are nothing; the reason says what was assumed."""
    found = decode(tree, PROBS, B1, under="B", report=("A", "b2"))
    assert [label.node for label in found.levels] == ["B", "b1"]
    assert confidences(found) == pytest.approx({"B": 1.0, "b1": 0.95, "b2": 0.05, "A": 0, "a1": 0, "a2": 0})
    assert found.decision.reason == "terminal: no threshold was calibrated; under 'B', which has 0.400"


def test_a_blocked_node_leaves_its_mass_to_the_others(tree: Hierarchy) -> None:
    """Without b1 the best is a1, of 0.35 / 0.62, and B keeps what b2 has."""
    found = decode(tree, PROBS, B1, block=("b1",))
    assert found.levels[-1].node == "a1"
    assert confidences(found)["a1"] == pytest.approx(0.35 / 0.62, abs=1e-6)
    assert confidences(found)["B"] == pytest.approx(0.02 / 0.62, abs=1e-6)


def test_allowing_is_the_same_as_blocking_the_rest(tree: Hierarchy) -> None:
    allowed = decode(tree, PROBS, B1, allow=("a2", "B"))
    assert allowed.levels == decode(tree, PROBS, B1, block=("a1",)).levels


def test_on_a_dag_a_branch_keeps_all_ancestors(dag: Hierarchy) -> None:
    """Under Outdoor, boots are still footwear."""
    #                   out wear foot tents boots sandals
    probs = np.array([0.6, 0.8, 0.8, 0.2, 0.4, 0.3])
    found = decode(dag, probs, dag.index["boots"], under="out", report=("foot", "sandals", "wear"))
    expected = {"out": 1.0, "foot": 2 / 3, "wear": 2 / 3, "sandals": 0.0}
    assert {node: confidences(found)[node] for node in expected} == pytest.approx(expected, abs=1e-6)


def test_of_nothing_all_that_is_left_is_alike(tree: Hierarchy) -> None:
    """A branch of no probability at all: its terminals are equally likely, and the reason says 0."""
    found = decode(tree, np.array([1.0, 0, 1.0, 0, 0, 0]), 2, under="B")
    assert [label.confidence for label in found.levels] == [1.0, 0.5]
    assert found.decision.reason.endswith("under 'B', which has 0.000")


def test_top_names_so_many_of_each_level(tree: Hierarchy) -> None:
    """Its own node counts; a level has no more than it has."""
    for top, expected in ((1, [0, 0]), (2, [1, 1]), (3, [1, 2]), (9, [1, 3])):
        assert [len(label.alternatives) for label in decode(tree, PROBS, B1, top=top).levels] == expected
    label = decode(tree, PROBS, B1, top=2).levels[1]
    assert (label.node, label.alternatives[0].node) == ("b1", "a1")


@given(dags(), st.integers(0, 99), st.data())
def test_a_bin_is_the_union_of_its_nodes(taxonomy: Taxonomy, seed: int, data: st.DataObject) -> None:
    """Each terminal counts once, however many of the nodes it lies under; no bin is below one of its nodes."""
    hierarchy = Hierarchy.compile(taxonomy)
    chosen = data.draw(st.lists(st.sampled_from(hierarchy.node_ids), min_size=1, max_size=4))
    terminals, masses = Terminals(hierarchy), drawn_masses(hierarchy, seed)
    probs = terminals.summed(masses)
    found = decode(hierarchy, probs, int(hierarchy.terminals[masses.argmax()]), bins={"x": tuple(chosen)})
    positions = [hierarchy.position(node) for node in chosen]
    union = np.any([terminals.under(position) for position in positions], axis=0)
    assert found.bins is not None
    assert found.bins["x"] == pytest.approx(masses[union].sum(), abs=1e-6)
    assert found.bins["x"] >= round(probs[positions].max(), 6)


def test_only_what_is_asked_for_is_in_the_object(tree: Hierarchy) -> None:
    """Without options the object has the keys of the design alone."""
    keys = {"asset", "release", "model", "levels", "decision"}
    assert set(decode(tree, PROBS, B1).as_dict()) == keys
    asked = decode(tree, PROBS, B1, report=("a1",), bins={"x": ("a1", "b1")}).as_dict()
    assert set(asked) == keys | {"reported", "bins"}
    assert list(asked["reported"]) == [{"level": 2, "node": "a1", "name": "a1", "confidence": 0.35}]
    assert asked["bins"] == {"x": 0.73}


def test_unknown_nodes_are_named(tree: Hierarchy) -> None:
    for options in ({"under": "X"}, {"allow": ("X",)}, {"block": ("X",)}, {"report": ("X",)}, {"bins": {"x": ("X",)}}):
        with pytest.raises(TaxonomyError, match="no node has the id 'X'"):
            Decoder(tree, NO_CALIBRATION, "m", DecodeOptions(**options))


def naive_costs(masses: np.ndarray, hierarchy: Hierarchy) -> np.ndarray:
    """(N,) expected LCA heights by their definition."""
    every = np.arange(len(hierarchy))
    return np.array(
        [masses @ lca_heights(np.full(len(masses), node), hierarchy.terminals, hierarchy) for node in every]
    )


@given(trees(), st.integers(0, 99))
def test_expected_costs_on_trees_are_their_definition(taxonomy: Taxonomy, seed: int) -> None:
    """The sweep gives what N x T lowest common ancestors give; no node is cheaper than the best terminal under it."""
    hierarchy = Hierarchy.compile(taxonomy)
    terminals, masses = Terminals(hierarchy), drawn_masses(hierarchy, seed)
    found = expected_costs(terminals.summed(masses), masses, hierarchy)
    np.testing.assert_allclose(found, naive_costs(masses, hierarchy), atol=1e-9)
    for node in range(len(hierarchy)):
        assert found[hierarchy.terminals[terminals.under(node)]].min() <= found[node] + 1e-9


@given(dags(), st.integers(0, 99))
def test_expected_costs_on_dags_are_never_below_their_definition(taxonomy: Taxonomy, seed: int) -> None:
    """There they count common ancestors along one path."""
    hierarchy = Hierarchy.compile(taxonomy)
    terminals, masses = Terminals(hierarchy), drawn_masses(hierarchy, seed)
    found = expected_costs(terminals.summed(masses), masses, hierarchy)
    assert (found >= naive_costs(masses, hierarchy) - 1e-9).all()


def test_the_least_cost_may_lie_beside_the_most_probable(tree: Hierarchy) -> None:
    """b1 is the most probable leaf, but a mistake is likelier to be under A: a1 costs 0.25 + 2 * 0.4 there."""
    terminals = Terminals(tree)
    exact = terminals.exact(PROBS)
    everything = np.ones(len(tree.terminals), dtype=bool)
    assert expected_costs(PROBS, exact, tree)[2] == pytest.approx(0.25 + 2 * 0.4)
    assert least_cost_terminal(PROBS, exact, tree, everything) == tree.index["a1"]
    assert decode(tree, PROBS, B1).levels[-1].node == "b1"
    assert decode(tree, PROBS, B1, decode="crm").levels[-1].node == "a1"


@given(dags(), st.integers(0, 99))
def test_crm_tells_the_same_probabilities(taxonomy: Taxonomy, seed: int) -> None:
    """It follows another path through one and the same coherent distribution."""
    hierarchy = Hierarchy.compile(taxonomy)
    output = PathSoftmax(hierarchy)
    logits = torch.randn(1, output.column_count, generator=torch.Generator().manual_seed(seed)) * 3
    nodes, best = output.predict(logits)
    found = decode(hierarchy, nodes[0].numpy(), int(best[0]), decode="crm", top=1, report=hierarchy.node_ids)
    told = {node.node: node.confidence for node in found.reported or ()}
    assert told == {name: round(float(prob), 6) for name, prob in zip(hierarchy.node_ids, nodes[0], strict=True)}
    assert all(told[label.node] == label.confidence for label in found.levels)


def test_the_decisions_of_a_calibration(tree: Hierarchy) -> None:
    """A subtree's own threshold, the review threshold and the energy check, each with its reason."""
    own = SubtreeTarget(node="B", target_accuracy=0.99, threshold=0.39, samples=100)
    plan = ReviewPlan(
        budget_per_day=1, assets_per_day=9, threshold=0.5, reviews_per_day=1, beyond_budget_per_day=0, coverage=1,
        accuracy=1, samples=9,
    )  # fmt: skip
    check = EnergyCheck(limit=-2.0, false_alarms=0.05)
    decoder = Decoder(tree, Calibration(threshold=0.3, target_accuracy=0.9, subtrees=(own,)), "m")
    assert decoder.predict("a", PROBS, B1).decision.reason == "stopped at B: b1 has 0.380 < threshold 0.390"
    assert decoder.predict("a", PROBS, 2).decision.reason == "terminal: 0.350 >= threshold 0.300"
    reviewed = Decoder(tree, Calibration(threshold=0.3, target_accuracy=0.9, review=plan), "m")
    decision = reviewed.predict("a", PROBS, B1).decision
    assert (decision.node, decision.reason) == (None, "for review: B > b1 has 0.380 < review threshold 0.500")
    checked = Decoder(tree, Calibration(threshold=0.3, target_accuracy=0.9, energy=check), "m")
    assert checked.predict("a", PROBS, B1, -2.0).decision.node == "b1"
    strange = checked.predict("a", PROBS, B1, -1.5)
    assert strange.decision.node is None
    assert strange.decision.reason == (
        "unlike anything in the taxonomy: energy -1.500 > limit -2.000, which 0.05 of known assets exceed"
    )
    assert len(strange.levels) == 2
