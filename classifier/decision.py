"""From the probabilities of all nodes to what is said of one asset: a label a level, and how deep to trust it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from taxonomy import PATH_SEPARATOR, Hierarchy

Floats = NDArray[np.float64]

DEFAULT_TOP = 4  # nodes named for each level: the path's own and three runners-up
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another node of the same level."""

    node: str
    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class LevelLabel:
    """The node of the best path at one level; confidences lie in [0, 1] and never rise from level to level."""

    level: int
    node: str
    name: str
    confidence: float
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class NodeConfidence:
    """A node that was asked for by name, whether it lies on the best path or not."""

    level: int
    node: str
    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The deepest node of the best path that may be trusted, and why it is that one; node None means none may."""

    node: str | None
    path: tuple[str, ...]
    level: int
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class AssetPrediction:
    """What Cladist says of one asset; the object of `predict --json`, of the database and of every interface.

    reported, bins: only where decode options ask for them. decisions, decided: only in multi-label mode, of which
    `classifier.labelsets` speaks: all the decided nodes without a decided child, and the ids of all decided nodes.
    """

    asset: str
    release: str
    model: str
    levels: tuple[LevelLabel, ...]
    decision: Decision
    reported: tuple[NodeConfidence, ...] | None = None
    bins: dict[str, float] | None = None
    decisions: tuple[Decision, ...] | None = None
    decided: tuple[str, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The object as plain JSON values, without what nobody asked for."""
        return {key: value for key, value in _JSON.dump_python(self, mode="json").items() if value is not None}

    def on_path(self) -> tuple[bool, ...]:
        """For each of the `levels` whether it is decided on, as the decision's node is and all above it."""
        if self.decided is not None:
            decided = set(self.decided)
            return tuple(label.node in decided for label in self.levels)
        return tuple(label.level <= self.decision.level for label in self.levels)


def predict_asset(
    asset: str,
    probs: Floats,
    best: int,
    hierarchy: Hierarchy,
    *,
    model: str,
    threshold: float | None,
    review_threshold: float = 0.0,
    top: int = DEFAULT_TOP,
) -> AssetPrediction:
    """Say it of one asset: `probs` (N,) coherent and calibrated, `best` the position of the best terminal's node.

    top: how many nodes of each level are named, that of the path among them.
    """
    path = hierarchy.path(best, probs)
    levels = tuple(_level_label(node, probs, hierarchy, top) for node in path)
    decision = decide(path, probs, hierarchy, threshold, review_threshold)
    return AssetPrediction(asset, hierarchy.release, model, levels, decision)


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


def _level_label(node: int, probs: Floats, hierarchy: Hierarchy, top: int) -> LevelLabel:
    level = int(hierarchy.levels[node])
    others = hierarchy.level_slices[level - 1]
    ranked = others.start + np.argsort(-probs[others], kind="stable")[:top]
    alternatives = [alternative(int(other), probs, hierarchy) for other in ranked if other != node]
    label = alternative(node, probs, hierarchy)
    return LevelLabel(level, label.node, label.name, label.confidence, tuple(alternatives[: top - 1]))


def alternative(node: int, probs: Floats, hierarchy: Hierarchy) -> Alternative:
    """A node with its name and confidence."""
    return Alternative(hierarchy.node_ids[node], hierarchy.names[node], confidence(probs[node]))


_JSON = TypeAdapter(AssetPrediction)
