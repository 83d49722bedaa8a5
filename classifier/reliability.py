"""How far confidences can be believed: the reliability curve and the calibration error."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_BINS = 15


class Reliability(NamedTuple):
    """K bins of equal mass, in rising confidence: mean confidence, share right and count, each (K,)."""

    confidence: Floats
    accuracy: Floats
    counts: Ints


def reliability(confidences: Floats, correct: Bools, bins: int = _BINS) -> Reliability:
    """The reliability curve of (n,) confidences in [0, 1] and whether each answer was right.

    As many bins as asked for, or as there are answers; empty when there is none. Source: Nguyen and O'Connor 2015,
    adaptive binning.
    """
    order = np.argsort(confidences, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return Reliability(
        np.array([confidences[part].mean() for part in parts], dtype=np.float64),
        np.array([correct[part].mean() for part in parts], dtype=np.float64),
        np.array([len(part) for part in parts], dtype=np.int64),
    )


def expected_calibration_error(confidences: Floats, correct: Bools, bins: int = _BINS) -> float:
    """ECE over bins of equal mass: the mean |accuracy - confidence| of the bins, weighted by their size; 0 when empty.

    Source: Nixon et al., "Measuring calibration in deep learning", 2019.
    """
    if not len(confidences):
        return 0.0
    curve = reliability(confidences, correct, bins)
    return float((curve.counts * np.abs(curve.accuracy - curve.confidence)).sum() / len(confidences))
