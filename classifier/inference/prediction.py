"""The prediction for one asset: a label for each level, and the decision."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from classifier.images.limits import Marks
from classifier.inference.decision import Alarm, Decision, confidence, decide, undecided
from taxonomy import Hierarchy
from taxonomy.arrays import Floats

DEFAULT_TOP = 4  # nodes named for each level: the path's own and three runners-up


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
class AssetPrediction:
    """The prediction for one asset: the object of `predict --json`, of the database and of every interface.

    reused: true only where the same content had an answer of the same model and release already, which this is.
    reported, bins: only where decode options ask for them. decisions, decided: only where an asset may carry several
    labels, see `classifier.inference.label_sets`: the decided nodes without a decided child, and the ids of all decided
    nodes. partial: true where the file was truncated. frame: of a file of several pictures the one taken, from 1.
    hash_lists: the lists that know the content, only where some do; where one of them needs no prediction, `levels` is
    empty and nothing decided.
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
    partial: bool | None = None
    frame: int | None = None
    reused: bool | None = None
    hash_lists: tuple[str, ...] | None = None

    def marked(self, marks: Marks) -> "AssetPrediction":
        """The same prediction, saying what is to be known of the picture; itself where that is nothing."""
        if not marks.partial and marks.frame is None:
            return self
        return replace(self, partial=marks.partial or None, frame=marks.frame)

    def known_to(self, hash_lists: tuple[str, ...]) -> "AssetPrediction":
        """The same prediction, saying which hash lists know the content: these, and no other."""
        names = hash_lists or None
        return self if self.hash_lists == names else replace(self, hash_lists=names)

    def as_dict(self) -> dict[str, Any]:
        """The object as plain JSON values, without what nobody asked for."""
        return {key: value for key, value in _JSON.dump_python(self, mode="json").items() if value is not None}

    def reused_for(self, asset: str) -> "AssetPrediction":
        """The same answer for another asset of the same content."""
        return replace(self, asset=asset, reused=True)

    def on_path(self) -> tuple[bool, ...]:
        """For each of the `levels` whether it is decided on, as the decision's node is and all above it."""
        if self.decided is not None:
            decided = set(self.decided)
            return tuple(label.node in decided for label in self.levels)
        return tuple(label.level <= self.decision.level for label in self.levels)


def read_prediction(stored: Mapping[str, Any]) -> AssetPrediction:
    """The prediction of which `as_dict` made this object. Raises pydantic.ValidationError on what is none."""
    return _JSON.validate_python(stored)


def read_stored(text: str) -> AssetPrediction:
    """As `read_prediction`, of the object's JSON text."""
    return _JSON.validate_json(text)


def known_content(asset: str, release: str, model: str, hash_list: str) -> AssetPrediction:
    """What is said of content that needs no model, as this list knows it: no level, and no decision."""
    return AssetPrediction(asset, release, model, (), undecided(f"known content: {hash_list}"))


def predict_asset(
    asset: str,
    probs: Floats,
    best: int,
    hierarchy: Hierarchy,
    *,
    model: str,
    threshold: float | None,
    review_threshold: float = 0.0,
    alarm: Alarm | None = None,
    top: int = DEFAULT_TOP,
) -> AssetPrediction:
    """The prediction for one asset: `probs` (N,) coherent and calibrated, `best` the position of the best terminal.

    threshold, review_threshold, alarm: see `decide`. top: how many nodes of each level are named, that of the path
    among them.
    """
    path = hierarchy.path(best, probs)
    levels = tuple(_level_label(node, probs, hierarchy, top) for node in path)
    decision = decide(path, probs, hierarchy, threshold, review_threshold, alarm)
    return AssetPrediction(asset, hierarchy.release, model, levels, decision)


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
