"""Curves of an evaluation: reliability, how much may be answered at which accuracy, and the operating curve."""

from dataclasses import dataclass, replace

import numpy as np

from classifier.evaluation.calibration_error import reliability as reliability_curve
from classifier.evaluation.climbs import Climbs
from taxonomy.arrays import Bools, Floats, Ints
from taxonomy.metrics import OperatingCurve, operating_curve

TARGETS = (0.90, 0.95, 0.99)
_BINS = 10
_IMAGES_PER_BIN = 10  # fewer bins rather than fewer images in one
_NORMAL_95 = 1.959964


@dataclass(frozen=True, eq=False)
class Reliability:
    """The answers at one level in K bins of equal mass: mean confidence, share right, its 95 % interval, count."""

    level: int
    confidence: Floats
    accuracy: Floats
    low: Floats
    high: Floats
    counts: Ints


@dataclass(frozen=True, eq=False)
class Coverage:
    """Answers in falling confidence: (K,) share of them given, and share right among those given."""

    name: str
    answers: int
    answered: Floats
    correct: Floats

    def at(self, target: float) -> float:
        """The largest share that can be given with at least `target` of it right."""
        return float(self.answered[self.correct >= target].max(initial=0.0))


@dataclass(frozen=True, eq=False)
class NamedCurve:
    """One line of the operating picture."""

    name: str
    curve: OperatingCurve


def reliability(climbs: Climbs, level: int) -> Reliability | None:
    """The reliability of one level; None when nothing was answered there."""
    here = climbs.hierarchy.levels[climbs.nodes] == level
    confidences, right = climbs.probs[here], climbs.right[here]
    if not len(confidences):
        return None
    confidence, accuracy, counts = reliability_curve(
        confidences, right, max(1, min(_BINS, len(confidences) // _IMAGES_PER_BIN))
    )
    low, high = wilson(accuracy, counts)
    return Reliability(level, confidence, accuracy, low, high, counts)


def wilson(share: Floats, counts: Ints) -> tuple[Floats, Floats]:
    """The 95 % interval of a share of `counts` (> 0). Source: Wilson 1927."""
    spread = _NORMAL_95**2 / counts
    centre = (share + spread / 2) / (1 + spread)
    half = np.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return centre - half, centre + half


def coverages(climbs: Climbs) -> list[Coverage]:
    """One for the answers of each level, and a last one for the full paths of the images labelled at a terminal."""
    levels, right = climbs.hierarchy.levels[climbs.nodes], climbs.right
    found = [
        _coverage(f"level {level}", climbs.probs[levels == level], right[levels == level])
        for level in range(1, climbs.hierarchy.depth + 1)
    ]
    full = fully_labelled(climbs)
    starts = full.starts
    found.append(_coverage("full path", full.probs[starts], full.nodes[starts] == full.truth))
    return [coverage for coverage in found if coverage.answers]


def operating_curves(climbs: Climbs, name: str) -> list[NamedCurve]:
    """The climb's curve, and the flat baseline's: the same model, which answers its best terminal or nothing.

    Both over the images labelled at a terminal: of the others nobody knows whether the terminal is right. Empty
    without such images.
    """
    full = fully_labelled(climbs)
    if not len(full.truth):
        return []
    starts = full.starts
    flat = operating_curve(np.arange(len(starts)), full.nodes[starts], full.probs[starts], full.truth, full.hierarchy)
    return [NamedCurve(name, climb_curve(full)), NamedCurve("flat baseline", flat)]


def climb_curve(climbs: Climbs) -> OperatingCurve:
    """The operating curve of the climbs as they are."""
    return operating_curve(climbs.samples, climbs.nodes, climbs.probs, climbs.truth, climbs.hierarchy)


def fully_labelled(climbs: Climbs) -> Climbs:
    """The climbs of the samples labelled at a terminal."""
    keep = climbs.hierarchy.is_terminal[climbs.truth]
    if keep.all():
        return climbs
    steps = keep[climbs.samples]
    number = np.cumsum(keep) - 1
    return replace(
        climbs,
        truth=climbs.truth[keep],
        samples=number[climbs.samples[steps]],
        nodes=climbs.nodes[steps],
        probs=climbs.probs[steps],
        top5=climbs.top5[keep],
        incoherent=climbs.incoherent[keep],
        energies=None if climbs.energies is None else climbs.energies[keep],
    )


def _coverage(name: str, confidences: Floats, right: Bools) -> Coverage:
    order = np.argsort(-confidences, kind="stable")
    falling = confidences[order]
    whole = np.append(falling[1:] != falling[:-1], True)[: len(falling)]  # equal confidences are answered together
    given = np.arange(1, len(falling) + 1)
    correct = np.cumsum(right[order]) / given
    return Coverage(name, len(falling), given[whole] / max(1, len(falling)), correct[whole])
