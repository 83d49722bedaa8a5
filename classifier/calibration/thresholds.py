"""Conformal thresholds: how deep decisions may go for a target accuracy, and exactly what is promised.

An asset is decided at a threshold when its root reaches it, and wrongly when the last wrong node on its climb does. So
of calibration samples two numbers are kept: the probability of that wrong node (0 where the best terminal is right),
and that of the root. With W(t) and D(t) the numbers of the n samples that are decided wrongly, and at all, at t:

"images"     the least t with W(t) + 1 <= (1 - target) (n + 1). For assets exchangeable with the samples, the chance
             that an asset gets a wrong decision is at most 1 - target. An asset left undecided gets none: of the
             decisions made a larger share may be wrong.
"decisions"  the least t with W(t) + 1 <= (1 - target) (D(t) + 1). This implies the former. The share of future assets
             decided wrongly, divided by (D(t) + 1) / (n + 1), which estimates the share decided, is at most
             1 - target in expectation: of the decisions made, the target share is right, but for how well n samples
             tell the coverage.

Both hold on average over calibration sets, for the assets as a whole and not for each node. Why the second holds:
reveal samples and future assets by rising probability of their last wrong node. The number of future ones that are
still to come, over 1 + that of the samples still to come, is a supermartingale which starts at no more than m / (n + 1)
for m future assets, and the least such t is a stopping time: D(t) is known at t, as no root is less probable than what
lies below it. Stopped there, 1 + W(t) <= (1 - target) (D(t) + 1) bounds it. A calibration that finds no such t decides
nothing and makes no mistake; where samples are so few for the target that most calibrations are such, those that do
decide are too hopeful (299 samples, target 0.99, half-sure roots: 87 % decide nothing, the others are right in 97.4 %).

Sources: split conformal prediction, Vovk et al. 2005; the argument of the second, Storey et al. 2004 for false
discovery rates, and Jin and Candes, "Selection by prediction with conformal p-values", JMLR 2023.
"""

import math

import numpy as np

from classifier.bundles.calibration import Guarantee
from classifier.errors import CalibrationError
from taxonomy.arrays import Floats

CLOSED = float(np.nextafter(1.0, 2.0))  # no probability reaches this threshold: nothing is decided
_SLACK = 1e-9  # (1 - 0.9) * 10 is to count as 1


def conformal_threshold(wrong_probs: Floats, target_accuracy: float) -> float:
    """The least threshold of the guarantee "images".

    wrong_probs: (n,) for each calibration sample the probability of the last wrong node met on the climb from its best
    terminal, 0 if the terminal is right. The threshold lies just above the ceil((n + 1) * target)-th smallest of them.
    Raises CalibrationError when n is too small for the target.
    """
    require_samples(len(wrong_probs), target_accuracy)
    rank = math.ceil((len(wrong_probs) + 1) * target_accuracy - _SLACK)
    return _just_above(float(np.partition(wrong_probs, rank - 1)[rank - 1]))


def decision_threshold(wrong_probs: Floats, root_probs: Floats, target_accuracy: float) -> float:
    """The least threshold of the guarantee "decisions"; CLOSED where the samples show none.

    wrong_probs: as for `conformal_threshold`. root_probs: (n,) the probability of the root of each climb, 0 for a
    sample that is never decided. Raises CalibrationError when n is too small for the target.
    """
    require_samples(len(wrong_probs), target_accuracy)
    starts = np.unique(np.append(wrong_probs, 0.0))  # just above these W falls; in between D only shrinks
    wrong = len(wrong_probs) - np.searchsorted(np.sort(wrong_probs), starts, "right")
    decided = len(root_probs) - np.searchsorted(np.sort(root_probs), starts, "right")
    enough = wrong + 1 <= (1 - target_accuracy) * (decided + 1) + _SLACK
    return _just_above(float(starts[int(np.argmax(enough))])) if enough.any() else CLOSED


def threshold_for(guarantee: Guarantee, wrong_probs: Floats, root_probs: Floats, target_accuracy: float) -> float:
    """The least threshold of a guarantee. Raises CalibrationError."""
    if guarantee == "images":
        return conformal_threshold(wrong_probs, target_accuracy)
    return decision_threshold(wrong_probs, root_probs, target_accuracy)


def require_samples(count: int, target_accuracy: float) -> None:
    """Raise CalibrationError unless a target lies in (0, 1) and so many samples can show it."""
    if not 0 < target_accuracy < 1:
        raise CalibrationError(f"target accuracy {target_accuracy} does not lie between 0 and 1")
    needed = math.ceil(target_accuracy / (1 - target_accuracy) - _SLACK)
    if count < needed:
        raise CalibrationError(
            f"target accuracy {target_accuracy} needs at least {needed} calibration samples, have {count}"
        )


def _just_above(prob: float) -> float:
    return 0.0 if prob == 0.0 else float(np.nextafter(prob, np.inf))
