"""From the probabilities of all nodes to what is said of one asset: a label a level, and how deep to trust it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxonomy import PATH_SEPARATOR, Hierarchy

Floats = NDArray[np.float64]

_ALTERNATIVES = 3  # runners-up reported for each level
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
class Decision:
    """The deepest node of the best path that may be trusted, and why it is that one; node None means none may."""

    node: str | None
    path: tuple[str, ...]
    level: int
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class AssetPrediction:
    """What Cladist says of one asset; the object of `predict --json`, of the database and of every interface."""

    asset: str
    release: str
    model: str
    levels: tuple[LevelLabel, ...]
    decision: Decision

    def as_dict(self) -> dict[str, Any]:
        """The object as plain JSON values."""
        return asdict(self)


def predict_asset(
    asset: str, probs: Floats, best: int, hierarchy: Hierarchy, *, model: str, threshold: float | None
) -> AssetPrediction:
    """Say it of one asset: `probs` (N,) coherent and calibrated, `best` the position of the best terminal's node."""
    path = hierarchy.path(best, probs)
    levels = tuple(_level_label(node, probs, hierarchy) for node in path)
    decision = decide(path, probs, hierarchy, threshold)
    return AssetPrediction(asset, hierarchy.release, model, levels, decision)


def decide(path: Sequence[int], probs: Floats, hierarchy: Hierarchy, threshold: float | None) -> Decision:
    """Climb from the end of a path, (root, ..., best terminal), to the first node with p >= threshold.

    Without a threshold the best terminal is taken as it is.
    """
    names = tuple(hierarchy.names[node] for node in path)
    for length in range(len(path), 0, -1):
        node = path[length - 1]
        if threshold is None or probs[node] >= threshold:
            reason = _reason(length, path, probs, names, threshold)
            return Decision(
                hierarchy.node_ids[node], names[:length], int(hierarchy.levels[node]), _confidence(probs[node]), reason
            )
    return Decision(None, (), 0, 0.0, _reason(0, path, probs, names, threshold))


def _reason(length: int, path: Sequence[int], probs: Floats, names: Sequence[str], threshold: float | None) -> str:
    if threshold is None:
        return "terminal: no threshold was calibrated"
    if length == len(path):
        return f"terminal: {probs[path[-1]]:.3f} >= threshold {threshold:.3f}"
    too_low = f"{names[length]} has {probs[path[length]]:.3f} < threshold {threshold:.3f}"
    above = PATH_SEPARATOR.join(names[:length])
    return f"stopped at {above}: {too_low}" if length else f"undecided: {too_low}"


def _level_label(node: int, probs: Floats, hierarchy: Hierarchy) -> LevelLabel:
    level = int(hierarchy.levels[node])
    others = hierarchy.level_slices[level - 1]
    ranked = others.start + np.argsort(-probs[others], kind="stable")[: _ALTERNATIVES + 1]
    alternatives = [_alternative(int(other), probs, hierarchy) for other in ranked if other != node]
    label = _alternative(node, probs, hierarchy)
    return LevelLabel(level, label.node, label.name, label.confidence, tuple(alternatives[:_ALTERNATIVES]))


def _alternative(node: int, probs: Floats, hierarchy: Hierarchy) -> Alternative:
    return Alternative(hierarchy.node_ids[node], hierarchy.names[node], _confidence(probs[node]))


def _confidence(prob: float) -> float:
    return round(float(prob), _DIGITS)
