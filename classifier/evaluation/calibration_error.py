"""How far confidences can be believed: the reliability curve and the calibration error."""

from typing import NamedTuple

import numpy as np

from taxonomy.arrays import Bools, Floats, Ints

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


def calibration_error_by_chance(confidences: Floats, bins: int = _BINS) -> float:
    """The ECE that answers of these confidences have on average when every confidence is true; 0 when empty.

    What few answers a bin has scatter about its confidence. Its share right is nearly normal, with the variance
    mean(p * (1 - p)) / n, and the mean of a half-normal is its deviation times sqrt(2 / pi).
    """
    rising = np.sort(np.clip(confidences, 0, 1))  # a sum of probabilities may exceed 1 by rounding
    parts = [part for part in np.array_split(rising, bins) if len(part)]
    scatter = [len(part) * np.sqrt(2 / np.pi * (part * (1 - part)).mean() / len(part)) for part in parts]
    return float(sum(scatter) / max(1, len(confidences)))
