"""Evaluation and serving decide by one rule: on any taxonomy, for any calibration, they say the same."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags

from classifier.bundles.calibration import (
    Calibration,
    EnergyCheck,
    ReviewPlan,
    ReviewSubtree,
    SubtreeTarget,
)
from classifier.calibration.thresholds import CLOSED
from classifier.evaluation.climbs import collect_climbs
from classifier.evaluation.label_sets import LabelSetSums
from classifier.evaluation.metrics import decisions
from classifier.inference.decoding import DecodeOptions, Decoder
from classifier.inference.label_sets import LabelSetDecoder
from taxonomy import Hierarchy, Taxonomy

SHARES = st.floats(0, 1) | st.just(CLOSED)


def coherent_rows(hierarchy: Hierarchy, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(count, N) probabilities in which no node exceeds a parent, and the best terminals' positions."""
    random = np.random.default_rng(seed)
    masses = random.dirichlet(np.full(len(hierarchy.terminals), 0.3), count)
    rows = np.asarray(masses @ hierarchy.incidence.astype(float)).clip(0, 1)
    for parent, child in hierarchy.edges[::-1]:
        rows[:, parent] = np.maximum(rows[:, parent], rows[:, child])
    return rows, hierarchy.terminals[masses.argmax(axis=1)]


@st.composite
def calibrations(draw: st.DrawFn, taxonomy: Taxonomy) -> Calibration:
    """Any threshold, subtree targets, review plan and energy check, each of them there or not."""
    nodes = st.sampled_from([node.id for node in taxonomy])
    own = draw(st.lists(st.tuples(nodes, SHARES), max_size=3, unique_by=lambda part: part[0]))
    costs = draw(st.lists(st.tuples(nodes, SHARES), max_size=2, unique_by=lambda part: part[0]))
    plan = ReviewPlan(
        budget_per_day=1, assets_per_day=9, threshold=min(1.0, draw(SHARES)),
        subtrees=tuple(ReviewSubtree(node=node, cost=1 + share, threshold=min(1.0, share)) for node, share in costs),
        reviews_per_day=1, beyond_budget_per_day=0, coverage=1, accuracy=1, samples=9,
    )  # fmt: skip
    return Calibration(
        threshold=draw(st.none() | SHARES),
        target_accuracy=0.9,
        subtrees=tuple(
            SubtreeTarget(node=node, target_accuracy=0.9, threshold=share, samples=9) for node, share in own
        ),
        energy=draw(st.none() | st.floats(-2, 2).map(lambda limit: EnergyCheck(limit=limit, false_alarms=0.05))),
        review=draw(st.none() | st.just(plan)),
    )


@given(st.data(), dags(), st.integers(0, 2**31))
def test_evaluation_decides_as_serving_does(data: st.DataObject, taxonomy: Taxonomy, seed: int) -> None:
    """The same node with the same confidence, or the same kind of no decision, for every asset."""
    hierarchy = Hierarchy.compile(taxonomy)
    calibration = data.draw(calibrations(taxonomy))
    rows, best = coherent_rows(hierarchy, seed, 7)
    energies = np.random.default_rng(seed + 1).normal(0, 1, 7)
    truth = np.random.default_rng(seed + 2).choice(hierarchy.terminals, 7)
    climbs = replace(collect_climbs([(rows, best, truth)], hierarchy), energies=energies)
    measured = decisions(climbs, calibration)
    decoder = Decoder(hierarchy, calibration, "m")
    for place, (row, end, energy) in enumerate(zip(rows, best, energies, strict=True)):
        served = decoder.predict("a", row, int(end), float(energy)).decision
        node = hierarchy.node_ids[measured.nodes[place]] if measured.decided[place] else None
        assert served.node == node
        assert served.confidence == round(float(measured.confidences[place]), 6)
        assert served.reason.startswith("unlike anything") == bool(measured.unfamiliar[place])
        assert served.reason.startswith("for review") == bool(measured.for_review[place])


@given(dags(), st.none() | SHARES, st.integers(0, 2**31))
def test_and_so_it_does_with_several_labels(taxonomy: Taxonomy, threshold: float | None, seed: int) -> None:
    """As many nodes are decided, and as many of them rightly."""
    hierarchy = Hierarchy.compile(taxonomy)
    calibration = Calibration(threshold=threshold, target_accuracy=0.9)
    rows, best = coherent_rows(hierarchy, seed, 5)
    carried = hierarchy.lineage[best[::-1]].toarray().astype(bool)
    sums = LabelSetSums(hierarchy, calibration)
    sums.add(rows, carried)
    measured = sums.answers(collect_climbs([(rows, best, best[::-1])], hierarchy))
    decoder = LabelSetDecoder(hierarchy, calibration, "m", DecodeOptions())
    for place, (row, end) in enumerate(zip(rows, best, strict=True)):
        decided = decoder.predict("a", row, int(end)).decided or ()
        right = [node for node in decided if carried[place, hierarchy.index[node]]]
        assert (len(decided), len(right)) == (measured.decided[place], measured.decided_right[place])
