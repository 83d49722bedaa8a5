"""Calibrating a model: the parts of a calibration, each found with those before it in force."""

from pathlib import Path

import numpy as np
import pytest
from random_taxonomies import balanced_tree

from classifier.bundles.bundle import Bundle
from classifier.bundles.calibration import Calibration, EnergyCheck
from classifier.calibration.fit import calibrate, with_thresholds
from classifier.calibration.options import CalibrationOptions
from classifier.calibration.review_budget import ReviewBudget
from classifier.calibration.thresholds import CLOSED, decision_threshold
from classifier.data.manifest import Sample, read_manifest
from classifier.errors import CalibrationError
from classifier.evaluation.answers import climb_evidence
from classifier.evaluation.climbs import Climbs
from classifier.evaluation.labelled_run import Model, open_model
from classifier.evaluation.metrics import evaluate
from taxonomy import Hierarchy, TaxonomyError

HIERARCHY = Hierarchy.compile(balanced_tree(3, 3))  # r; r0 r1 r2; nine leaves
LEAVES = HIERARCHY.terminals


def made_climbs(count: int, seed: int) -> Climbs:
    """Climbs of calibrated confidences, except under r0, where the model is right half as often as it says."""
    random = np.random.default_rng(seed)
    best = random.choice(LEAVES, count)
    parents = np.array([HIERARCHY.parents[leaf][0] for leaf in best])
    upper, lower = random.beta(8, 1, count), random.beta(4, 1, count)
    trust = np.where(parents == HIERARCHY.index["r0"], 0.5, 1.0)
    upper_right = random.random(count) < upper * trust
    lower_right = upper_right & (random.random(count) < lower * trust)
    strangers = np.roll(LEAVES, 3)[np.searchsorted(LEAVES, best)]
    siblings = np.array([np.setdiff1d(LEAVES[3 * (i // 3) : 3 * (i // 3) + 3], LEAVES[i])[0] for i in best - LEAVES[0]])
    truth = np.where(lower_right, best, np.where(upper_right, siblings, strangers))
    return Climbs(
        HIERARCHY,
        truth,
        np.repeat(np.arange(count), 3),
        np.stack([best, parents, np.zeros_like(best)], axis=1).ravel(),
        np.stack([upper * lower, upper, np.ones(count)], axis=1).ravel(),
        np.ones((count, 3), dtype=bool),
        np.zeros(count, dtype=bool),
        random.normal(size=count),
    )


def decided_right(climbs: Climbs, calibration: Calibration, root: str) -> float:
    """The share right of the decisions on assets whose best leaf lies under a node."""
    inside = np.array([root in HIERARCHY.node_ids[node] for node in climbs.best])
    steps = inside[climbs.samples]
    number = np.cumsum(inside) - 1
    part = Climbs(HIERARCHY, climbs.truth[inside], number[climbs.samples[steps]], climbs.nodes[steps],
                  climbs.probs[steps], climbs.top5[inside], climbs.incoherent[inside])  # fmt: skip
    return float(evaluate(part, calibration).decision.accuracy)


def test_the_climbs_are_what_they_are_made_to_be() -> None:
    climbs = made_climbs(3000, 0)
    assert climbs.right.reshape(-1, 3)[:, 2].all()
    under = np.array([HIERARCHY.node_ids[node].startswith("r0") for node in climbs.best])
    assert climbs.right.reshape(-1, 3)[~under, 0].mean() == pytest.approx(0.71, abs=0.04)
    assert climbs.right.reshape(-1, 3)[under, 0].mean() == pytest.approx(0.18, abs=0.04)


def test_each_subtree_reaches_its_own_target() -> None:
    """99 % under r0, where the model boasts, 90 % elsewhere: in the mean of 40 splits, less 0.2 points."""
    options = CalibrationOptions(0.9, subtree_targets={"r0": 0.99}, false_alarms=0)
    own, others, without = [], [], []
    for seed in range(40):
        climbs = made_climbs(1200, seed)
        calibration = with_thresholds(Calibration(), climb_evidence(climbs), options)
        fresh = made_climbs(2000, 1000 + seed)
        own.append(decided_right(fresh, calibration, "r0"))
        others.append((decided_right(fresh, calibration, "r1") + decided_right(fresh, calibration, "r2")) / 2)
        common = with_thresholds(Calibration(), climb_evidence(climbs), CalibrationOptions(0.9, false_alarms=0))
        without.append(decided_right(fresh, common, "r0"))
    assert np.mean(own) >= 0.988
    assert np.mean(others) >= 0.898
    assert np.mean(without) < 0.85


def test_thresholds_are_found_from_the_samples_they_apply_to() -> None:
    """That of r0 from those under r0, the common one from the others; the deeper of two subtrees takes its own."""
    climbs = made_climbs(900, 3)
    found = with_thresholds(
        Calibration(), climb_evidence(climbs), CalibrationOptions(0.8, subtree_targets={"r1": 0.9, "r10": 0.7})
    )
    names = np.array([HIERARCHY.node_ids[node] for node in climbs.best])
    deep = names == "r10"
    middle = np.char.startswith(names, "r1") & ~deep
    wrong, roots = climbs.wrong_probs(), climbs.root_probs()
    assert [part.samples for part in found.subtrees] == [middle.sum(), deep.sum()]
    assert found.subtrees[0].threshold == decision_threshold(wrong[middle], roots[middle], 0.9)
    assert found.subtrees[1].threshold == decision_threshold(wrong[deep], roots[deep], 0.7)
    others = ~middle & ~deep
    assert found.threshold == decision_threshold(wrong[others], roots[others], 0.8)


def test_where_every_terminal_has_a_target_of_its_own_the_common_one_decides_nothing() -> None:
    """No sample lies outside, and none is needed."""
    found = with_thresholds(
        Calibration(), climb_evidence(made_climbs(90, 1)), CalibrationOptions(0.99, subtree_targets={"r": 0.8})
    )
    assert found.threshold == CLOSED
    assert found.subtrees[0].samples == 90


def test_too_few_samples_under_a_subtree_are_refused_by_name() -> None:
    """With what those that there are can reach."""
    with pytest.raises(CalibrationError) as caught:
        with_thresholds(
            Calibration(), climb_evidence(made_climbs(60, 1)), CalibrationOptions(0.8, subtree_targets={"r0": 0.99})
        )
    assert str(caught.value).startswith("under 'r0': target accuracy 0.99 needs at least 99 calibration samples, have ")
    assert "reach at most 0.9" in str(caught.value)


def test_an_unknown_subtree_is_refused() -> None:
    with pytest.raises(TaxonomyError, match="no node has the id 'Weapons'"):
        with_thresholds(
            Calibration(), climb_evidence(made_climbs(60, 1)), CalibrationOptions(subtree_targets={"Weapons": 0.9})
        )


def test_strange_samples_are_never_decided_and_count_so() -> None:
    """All but nothing exceeds the limit: no threshold can be trusted with so few decisions."""
    climbs = made_climbs(300, 2)
    assert climbs.energies is not None
    check = EnergyCheck(limit=float(np.sort(climbs.energies)[4]), false_alarms=0.95)
    evidence = climb_evidence(climbs)
    assert with_thresholds(Calibration(energy=check), evidence, CalibrationOptions(0.9)).threshold == CLOSED
    threshold = with_thresholds(Calibration(), evidence, CalibrationOptions(0.9)).threshold
    assert threshold is not None
    assert threshold < 1


@pytest.fixture(scope="module")
def held_out(trained: Bundle) -> tuple[Model, tuple[Sample, ...]]:
    """The trained bundle's model, and its calibration samples."""
    manifest = read_manifest(trained.folder.parent / "labels.csv", trained.taxonomy)
    model = open_model(trained)
    assert isinstance(model, Model)
    return model, manifest.split("val")


def test_a_whole_calibration(held_out: tuple[Model, tuple[Sample, ...]], trained: Bundle, tmp_path: Path) -> None:
    """Every part is there when it is asked for, and a bundle with it reads the same."""
    del tmp_path
    model, samples = held_out
    options = CalibrationOptions(0.7, subtree_targets={"Warm": 0.8}, false_alarms=0.1, review=ReviewBudget(1, 12))
    found = calibrate(model, samples, "val", options)
    assert (found.samples, found.split, found.guarantee, found.target_accuracy) == (24, "val", "decisions", 0.7)
    assert [(part.node, part.target_accuracy) for part in found.subtrees] == [("Warm", 0.8)]
    assert found.energy is not None
    assert found.review is not None
    assert found.review.reviews_per_day <= 1
    metrics = evaluate(model.climbs(samples, found), found).decision
    assert metrics.unfamiliar_fraction <= 0.1
    assert metrics.coverage == found.review.coverage
    assert Calibration.model_validate_json(found.model_dump_json()) == found
    assert trained.calibration.energy is not None


def test_without_false_alarms_there_is_no_check(held_out: tuple[Model, tuple[Sample, ...]]) -> None:
    model, samples = held_out
    assert calibrate(model, samples, "val", CalibrationOptions(0.7, false_alarms=0)).energy is None
