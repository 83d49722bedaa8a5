"""Evaluate label sets: the metrics of the first answers, and those of the sets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.bundles.calibration import Calibration, threshold_of
from classifier.evaluation.metrics import evaluate
from classifier.evaluation.set_scores import SetScores


def evaluate_sets(scores: SetScores, calibration: Calibration) -> dict[str, Any]:
    """The metrics object of the design for the first answers, and `label_sets`.

    decision.accuracy: share of the assets with a decided node that have no wrong one; coverage: share with one.
    label_sets, over closed sets: micro_auprc over all pairs of an asset and a node; precision, recall and f1 of the
    decided nodes, counted over all assets; exact_match: share of assets whose decided set is the true one; mean_true
    and mean_decided: nodes in a set.
    """
    metrics = evaluate(scores.climbs, calibration)
    decided = scores.decided > 0
    wrong = scores.decided > scores.decided_right
    metrics["decision"].update(accuracy=_mean(~wrong[decided]), wrong_fraction=_mean(wrong), coverage=_mean(decided))
    right, named, carried = scores.decided_right.sum(), scores.decided.sum(), scores.carried.sum()
    metrics["label_sets"] = {
        "threshold": threshold_of(calibration),
        "micro_auprc": scores.micro_auprc,
        "precision": _share(right, named),
        "recall": _share(right, carried),
        "f1": _share(2 * right, named + carried),
        "exact_match": _mean((scores.decided == scores.decided_right) & (scores.decided_right == scores.carried)),
        "mean_true": _mean(scores.carried),
        "mean_decided": _mean(scores.decided),
    }
    return metrics


def _mean(values: NDArray[Any]) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
