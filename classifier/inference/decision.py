"""The decision rule: how deep the answer for an asset may be trusted, and why no deeper.

`judge` is the rule. Serving puts its verdict on one asset into words (`decide`), evaluation counts its verdicts on many
(`classifier.evaluation.metrics`). `decided_nodes` is the rule where an asset may carry several labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from classifier.bundles.calibration import Calibration, EnergyCheck, threshold_of
from taxonomy import PATH_SEPARATOR, Hierarchy
from taxonomy.arrays import Bools, Floats, Ints

_DIGITS = 6
_UNLIKE = "unlike anything in the taxonomy"


class Verdicts(NamedTuple):
    """What the rule says of S assets.

    steps: (S,) the step of the climb that each decision stops at, -1 where no step reaches the threshold.
    unfamiliar, for_review: (S,) assets left undecided because they look like nothing in the taxonomy, or because the
    confidence is too low for a decision without a person. decided: (S,) all others that have a step.
    """

    steps: Ints
    unfamiliar: Bools
    for_review: Bools
    decided: Bools


def judge(samples: Ints, probs: Floats, thresholds: Floats | None, reviews: Floats, unfamiliar: Bools) -> Verdicts:
    """Climb from the end of each path to the first node with p >= threshold; without thresholds, stay at the end.

    samples, probs: (M,) for each step of all climbs, one climb after the other and each from its deepest node up, the
    asset it belongs to and the probability of its node. thresholds, reviews: (S,) for each asset the confidence that a
    decision needs, and the one below which people look at it. unfamiliar: (S,) whether an asset looks like nothing in
    the taxonomy; such an asset is not decided, whatever its confidence.
    """
    enough = np.ones(len(samples), dtype=bool) if thresholds is None else probs >= thresholds[samples]
    reached = np.flatnonzero(enough)
    deepest = reached[np.diff(samples[reached], prepend=-1) != 0]  # the first of each asset
    steps = np.full(len(reviews), -1)
    steps[samples[deepest]] = deepest
    stands = (steps >= 0) & ~unfamiliar
    for_review = np.zeros(len(reviews), dtype=bool)
    for_review[stands] = probs[steps[stands]] < reviews[stands]
    return Verdicts(steps, unfamiliar, for_review, stands & ~for_review)


def decided_nodes(probs: Floats, calibration: Calibration) -> Bools:
    """Which nodes are decided where an asset may carry several labels: all of p >= threshold. Same shape as `probs`."""
    return np.asarray(probs >= threshold_of(calibration))


@dataclass(frozen=True, slots=True)
class Decision:
    """The deepest node of the best path that may be trusted, and why it is that one; node None means none may."""

    node: str | None
    path: tuple[str, ...]
    level: int
    confidence: float
    reason: str


class Alarm(NamedTuple):
    """An asset whose energy exceeds the limit of the check: it looks like nothing in the taxonomy."""

    energy: float
    check: EnergyCheck


def decide(
    path: Sequence[int],
    probs: Floats,
    hierarchy: Hierarchy,
    threshold: float | None,
    review_threshold: float = 0.0,
    alarm: Alarm | None = None,
) -> Decision:
    """The verdict of `judge` on one asset in words.

    path: (root, ..., best terminal). probs: (N,). threshold: None where none was calibrated.
    """
    climb = probs[list(path[::-1])]
    verdicts = judge(
        np.zeros(len(climb), dtype=np.int64),
        climb,
        None if threshold is None else np.array([threshold]),
        np.array([review_threshold]),
        np.array([alarm is not None]),
    )
    if alarm is not None:
        return undecided(_unfamiliar(*alarm))
    names = tuple(hierarchy.names[node] for node in path)
    step = int(verdicts.steps[0])
    length = len(path) - step if step >= 0 else 0
    if verdicts.for_review[0]:
        return undecided(_for_review(climb[step], names[:length], review_threshold))
    reason = _reason(length, climb[::-1], names, threshold)
    if not verdicts.decided[0]:
        return undecided(reason)
    node = path[length - 1]
    return Decision(
        hierarchy.node_ids[node], names[:length], int(hierarchy.levels[node]), confidence(probs[node]), reason
    )


def confidence(prob: float) -> float:
    """A probability as it is told: to six digits."""
    return round(float(prob), _DIGITS)


def undecided(reason: str) -> Decision:
    """No decision, and why."""
    return Decision(None, (), 0, 0.0, reason)


def is_unlike(decision: Decision) -> bool:
    """Whether an asset is left undecided because it looks like nothing in the taxonomy."""
    return decision.node is None and decision.reason.startswith(_UNLIKE)


def _unfamiliar(energy: float, check: EnergyCheck) -> str:
    share = f"which {check.false_alarms:.3g} of known assets exceed"
    return f"{_UNLIKE}: energy {energy:.3f} > limit {check.limit:.3f}, {share}"


def _for_review(prob: float, names: Sequence[str], threshold: float) -> str:
    return f"for review: {PATH_SEPARATOR.join(names)} has {prob:.3f} < review threshold {threshold:.3f}"


def _reason(length: int, probs: Floats, names: Sequence[str], threshold: float | None) -> str:
    """Why a path of these names and probabilities, root first, is followed for so many nodes."""
    if threshold is None:
        return "terminal: no threshold was calibrated"
    if length == len(names):
        return f"terminal: {probs[-1]:.3f} >= threshold {threshold:.3f}"
    too_low = f"{names[length]} has {probs[length]:.3f} < threshold {threshold:.3f}"
    above = PATH_SEPARATOR.join(names[:length])
    return f"stopped at {above}: {too_low}" if length else f"undecided: {too_low}"
