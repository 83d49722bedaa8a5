"""Evaluate predictions of a labelled split: every figure of `cladist evaluate --json`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.bundles.calibration import Calibration
from classifier.bundles.metrics import DecisionMetrics, LevelMetrics, Metrics, OperatingPoints
from classifier.evaluation.calibration_error import calibration_error_by_chance, expected_calibration_error
from classifier.evaluation.climbs import Climbs
from classifier.inference.decision import judge
from taxonomy.arrays import Bools, Floats, Ints
from taxonomy.metrics import hierarchical_f1, lca_heights, operating_curve


def evaluate(climbs: Climbs, calibration: Calibration) -> Metrics:
    """How good the answers are that these climbs start from, and the decisions that a calibration makes on them."""
    hierarchy, truth = climbs.hierarchy, climbs.truth
    predicted = climbs.best
    heights = lca_heights(predicted, truth, hierarchy)
    at_terminal = hierarchy.is_terminal[truth]
    return Metrics(
        samples=len(truth),
        full_path_accuracy=mean((predicted == truth)[at_terminal]),
        levels=tuple(level_metrics(climbs, level) for level in range(1, hierarchy.depth + 1)),
        hierarchical_f1=hierarchical_f1(predicted, truth, hierarchy),
        mistake_severity=mean(heights[predicted != truth]),
        mean_hierarchical_distance=mean(heights),
        incoherent_fraction=mean(climbs.incoherent),
        operating_curve=operating_points(climbs),
        decision=decision_metrics(climbs, calibration),
    )


def level_metrics(climbs: Climbs, level: int) -> LevelMetrics:
    """The figures of one level."""
    hierarchy = climbs.hierarchy
    here = hierarchy.levels[climbs.nodes] == level
    right = climbs.right
    hit = np.zeros(len(climbs.truth), dtype=bool)
    hit[climbs.samples[here & right]] = True
    pairs = hierarchy.lineage[climbs.truth].tocoo()  # (sample, true node) for every true ancestor-or-self
    at_level = hierarchy.levels[pairs.col] == level
    samples, true_nodes = pairs.row[at_level], pairs.col[at_level]
    reached = np.unique(samples)
    totals = np.bincount(true_nodes, minlength=len(hierarchy))
    hits = np.bincount(true_nodes, weights=hit[samples], minlength=len(hierarchy))
    return LevelMetrics(
        level=level,
        nodes=int((hierarchy.levels == level).sum()),
        samples=len(reached),
        top1=mean(hit[reached]),
        top5=mean((hit | climbs.top5[:, level - 1])[reached]),
        macro_top1=mean(hits[totals > 0] / totals[totals > 0]),
        ece=expected_calibration_error(climbs.probs[here], right[here]),
        ece_by_chance=calibration_error_by_chance(climbs.probs[here]),
    )


def operating_points(climbs: Climbs) -> OperatingPoints:
    """The operating curve of the climbs in four numbers."""
    curve = operating_curve(climbs.samples, climbs.nodes, climbs.probs, climbs.truth, climbs.hierarchy)
    return OperatingPoints(
        ap=curve.ap, ac=curve.ac, recall_at_90=curve.recall_at(0.90), recall_at_95=curve.recall_at(0.95)
    )


@dataclass(frozen=True, eq=False)
class Decisions:
    """What was decided of S samples: whether anything, with what confidence (else 0), on which node, and if rightly.

    unfamiliar, for_review: (S,) samples left undecided because they look like nothing in the taxonomy, or because the
    plan sends them to people.
    """

    decided: Bools
    confidences: Floats
    nodes: Ints
    right: Bools
    unfamiliar: Bools
    for_review: Bools


def decisions(climbs: Climbs, calibration: Calibration) -> Decisions:
    """The decisions of a calibration on these climbs: the verdicts of `judge`, which serving puts into words."""
    hierarchy, best = climbs.hierarchy, climbs.best
    thresholds = calibration.thresholds(hierarchy)
    verdicts = judge(
        climbs.samples,
        climbs.probs,
        None if thresholds is None else thresholds[best],
        calibration.review_thresholds(hierarchy)[best],
        calibration.alarms(climbs.energies, len(climbs.truth)),
    )
    decided, steps = verdicts.decided, verdicts.steps[verdicts.decided]
    right = np.zeros(len(climbs.truth), dtype=bool)
    confidences, nodes = np.zeros(len(climbs.truth)), np.full(len(climbs.truth), -1)
    right[decided] = climbs.right[steps]
    confidences[decided], nodes[decided] = climbs.probs[steps], climbs.nodes[steps]
    return Decisions(decided, confidences, nodes, right, verdicts.unfamiliar, verdicts.for_review)


def decision_metrics(climbs: Climbs, calibration: Calibration) -> DecisionMetrics:
    """How the decisions of a calibration fare."""
    made = decisions(climbs, calibration)
    return DecisionMetrics(
        target_accuracy=calibration.target_accuracy,
        threshold=calibration.threshold,
        guarantee=calibration.guarantee,
        accuracy=mean(made.right[made.decided]),
        wrong_fraction=mean(made.decided & ~made.right),
        coverage=mean(made.decided),
        mean_level=mean(climbs.hierarchy.levels[made.nodes[made.decided]]),
        unfamiliar_fraction=mean(made.unfamiliar),
        review_fraction=mean(made.for_review),
    )


def mean(values: NDArray[Any]) -> float:
    """The mean of an array; 0 where it is empty."""
    return float(values.mean()) if len(values) else 0.0
