"""Evaluate predictions of a labelled split: every field of `cladist evaluate --json`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.bundles.calibration import Calibration
from classifier.evaluation.calibration_error import calibration_error_by_chance, expected_calibration_error
from classifier.evaluation.climbs import Climbs
from taxonomy.arrays import Bools, Floats, Ints
from taxonomy.metrics import hierarchical_f1, lca_heights, operating_curve


def evaluate(climbs: Climbs, calibration: Calibration) -> dict[str, Any]:
    """The metrics object of the design; accuracies, shares and F1 in [0, 1], distances in edges."""
    hierarchy, truth = climbs.hierarchy, climbs.truth
    predicted = climbs.nodes[climbs.ends]
    heights = lca_heights(predicted, truth, hierarchy)
    mistakes = heights[predicted != truth]
    at_terminal = hierarchy.is_terminal[truth]
    curve = operating_curve(climbs.samples, climbs.nodes, climbs.probs, truth, hierarchy)
    return {
        "samples": len(truth),
        "full_path_accuracy": _mean((predicted == truth)[at_terminal]),
        "levels": [level_metrics(climbs, level) for level in range(1, hierarchy.depth + 1)],
        "hierarchical_f1": hierarchical_f1(predicted, truth, hierarchy),
        "mistake_severity": _mean(mistakes),
        "mean_hierarchical_distance": _mean(heights),
        "incoherent_fraction": _mean(climbs.incoherent),
        "operating_curve": {
            "ap": curve.ap,
            "ac": curve.ac,
            "recall_at_90": curve.recall_at(0.90),
            "recall_at_95": curve.recall_at(0.95),
        },
        "decision": decision_metrics(climbs, calibration),
    }


def level_metrics(climbs: Climbs, level: int) -> dict[str, Any]:
    """One row of the table by level, over the samples whose truth reaches it.

    top1: whether the best path's node of this level is true. macro_top1: its mean over the true nodes.
    ece: over all answers given at this level, those to samples whose truth ends above included. ece_by_chance: what it
    is on average for a model whose confidences are true, with as many answers as these.
    """
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
    return {
        "level": level,
        "nodes": int((hierarchy.levels == level).sum()),
        "samples": len(reached),
        "top1": _mean(hit[reached]),
        "top5": _mean((hit | climbs.top5[:, level - 1])[reached]),
        "macro_top1": _mean(hits[totals > 0] / totals[totals > 0]),
        "ece": expected_calibration_error(climbs.probs[here], right[here]),
        "ece_by_chance": calibration_error_by_chance(climbs.probs[here]),
    }


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
    """The decisions of a calibration on these climbs, as `classifier.inference.decoding.Decoder` makes them."""
    hierarchy, best = climbs.hierarchy, climbs.best
    thresholds = calibration.thresholds(hierarchy)
    unfamiliar = calibration.alarms(climbs.energies, len(climbs.truth))
    enough = np.ones(len(climbs.nodes), dtype=bool)
    if thresholds is not None:
        enough = climbs.probs >= thresholds[best][climbs.samples]
    enough &= ~unfamiliar[climbs.samples]
    samples, first = np.unique(climbs.samples[enough], return_index=True)
    steps = np.flatnonzero(enough)[first]
    for_review = np.zeros(len(climbs.truth), dtype=bool)
    for_review[samples] = climbs.probs[steps] < calibration.review_thresholds(hierarchy)[best[samples]]
    kept = ~for_review[samples]
    samples, steps = samples[kept], steps[kept]
    decided, right = np.zeros((2, len(climbs.truth)), dtype=bool)
    confidences, nodes = np.zeros(len(climbs.truth)), np.full(len(climbs.truth), -1)
    decided[samples], right[samples] = True, climbs.right[steps]
    confidences[samples], nodes[samples] = climbs.probs[steps], climbs.nodes[steps]
    return Decisions(decided, confidences, nodes, right, unfamiliar, for_review)


def decision_metrics(climbs: Climbs, calibration: Calibration) -> dict[str, Any]:
    """How the decisions fare.

    accuracy: of those made. coverage: share of samples with one. wrong_fraction: share of all samples with a wrong one.
    What the threshold promises of them, `guarantee`, stands in `calibration.thresholds`.
    mean_level: of the nodes decided on.
    unfamiliar_fraction, review_fraction: share of samples without a decision because they look like nothing in the
    taxonomy, or because the plan sends them to people.
    """
    made = decisions(climbs, calibration)
    return {
        "target_accuracy": calibration.target_accuracy,
        "threshold": calibration.threshold,
        "guarantee": calibration.guarantee,
        "accuracy": _mean(made.right[made.decided]),
        "wrong_fraction": _mean(made.decided & ~made.right),
        "coverage": _mean(made.decided),
        "mean_level": _mean(climbs.hierarchy.levels[made.nodes[made.decided]]),
        "unfamiliar_fraction": _mean(made.unfamiliar),
        "review_fraction": _mean(made.for_review),
    }


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else 0.0
