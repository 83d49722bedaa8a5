"""From the probabilities of all nodes to what is said of one asset: a label a level, and how deep to trust it."""

from collections.abc import Sequence
from dataclasses import dataclass

from taxonomy import PATH_SEPARATOR, Hierarchy
from taxonomy.arrays import Floats

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Decision:
    """The deepest node of the best path that may be trusted, and why it is that one; node None means none may."""

    node: str | None
    path: tuple[str, ...]
    level: int
    confidence: float
    reason: str


def decide(
    path: Sequence[int],
    probs: Floats,
    hierarchy: Hierarchy,
    threshold: float | None,
    review_threshold: float = 0.0,
) -> Decision:
    """Climb from the end of a path, (root, ..., best terminal), to the first node with p >= threshold.

    Without a threshold the best terminal is taken as it is. A decision of less confidence than the review threshold is
    left to people.
    """
    names = tuple(hierarchy.names[node] for node in path)
    for length in range(len(path), 0, -1):
        node = path[length - 1]
        if threshold is None or probs[node] >= threshold:
            if probs[node] < review_threshold:
                return undecided(_for_review(probs[node], names[:length], review_threshold))
            reason = _reason(length, path, probs, names, threshold)
            return Decision(
                hierarchy.node_ids[node], names[:length], int(hierarchy.levels[node]), confidence(probs[node]), reason
            )
    return undecided(_reason(0, path, probs, names, threshold))


def unfamiliar(energy: float, limit: float, false_alarms: float) -> Decision:
    """No decision on an asset that looks like nothing in the taxonomy."""
    share = f"which {false_alarms:.3g} of known assets exceed"
    return undecided(f"unlike anything in the taxonomy: energy {energy:.3f} > limit {limit:.3f}, {share}")


def confidence(prob: float) -> float:
    """A probability as it is told: to six digits."""
    return round(float(prob), _DIGITS)


def undecided(reason: str) -> Decision:
    """No decision, and why."""
    return Decision(None, (), 0, 0.0, reason)


def _for_review(prob: float, names: Sequence[str], threshold: float) -> str:
    return f"for review: {PATH_SEPARATOR.join(names)} has {prob:.3f} < review threshold {threshold:.3f}"


def _reason(length: int, path: Sequence[int], probs: Floats, names: Sequence[str], threshold: float | None) -> str:
    if threshold is None:
        return "terminal: no threshold was calibrated"
    if length == len(path):
        return f"terminal: {probs[path[-1]]:.3f} >= threshold {threshold:.3f}"
    too_low = f"{names[length]} has {probs[path[length]]:.3f} < threshold {threshold:.3f}"
    above = PATH_SEPARATOR.join(names[:length])
    return f"stopped at {above}: {too_low}" if length else f"undecided: {too_low}"
