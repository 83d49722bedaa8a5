"""What a policy looks at: one asset with its prediction, read once for all rules."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from classifier.inference.decision import Decision, is_unlike
from classifier.inference.prediction import AssetPrediction, LevelLabel

NO_METADATA: Mapping[str, Any] = MappingProxyType({})

Above = Callable[[str], frozenset[str]]  # node id -> ids of its ancestors-or-self; empty for a node of another release


class Facts:
    """One asset as rules see it. at: when it is routed, aware. asset: its name, by which samples are drawn.

    What costs something is worked out when a rule first asks for it; 200 rules ask for little of it.
    """

    __slots__ = (
        "_best",
        "_decided",
        "_path",
        "above",
        "asset",
        "at",
        "confidences",
        "metadata",
        "prediction",
        "tenant",
    )

    def __init__(
        self,
        prediction: AssetPrediction,
        above: Above,
        tenant: str,
        asset: str,
        metadata: Mapping[str, Any] | None,
        at: datetime,
    ) -> None:
        self.prediction = prediction
        self.above = above
        self.tenant = tenant
        self.asset = asset
        self.metadata = NO_METADATA if metadata is None else metadata
        self.at = at
        self.confidences = _confidences(prediction)  # node id -> confidence, of all nodes that the prediction names
        self._best: dict[int, LevelLabel] | None = None
        self._decided: frozenset[str] | None = None
        self._path: frozenset[str] | None = None

    @property
    def best(self) -> dict[int, LevelLabel]:
        """Level -> the label of the best path, or the most confident one where there are several."""
        if self._best is None:
            self._best = {}
            for label in self.prediction.levels:
                if label.level not in self._best or label.confidence > self._best[label.level].confidence:
                    self._best[label.level] = label
        return self._best

    @property
    def decided(self) -> frozenset[str]:
        """The ids of all decided nodes, ancestors included."""
        if self._decided is None:
            prediction = self.prediction
            nodes = prediction.decided if prediction.decided is not None else (prediction.decision.node,)
            self._decided = frozenset().union(*(self.above(node) for node in nodes if node is not None))
        return self._decided

    def sure(self, thresholds: Mapping[str, float]) -> list[Decision]:
        """The decisions whose confidence is at least the threshold of their node, if it has one."""
        prediction = self.prediction
        made = prediction.decisions if prediction.decisions is not None else (prediction.decision,)
        return [each for each in made if each.node is not None and each.confidence >= thresholds.get(each.node, 0.0)]

    @property
    def on_best_path(self) -> frozenset[str]:
        """The ids of the nodes of the best path, and of all above them."""
        if self._path is None:
            self._path = frozenset().union(*(self.above(label.node) for label in self.prediction.levels))
        return self._path

    @property
    def is_unlike(self) -> bool:
        """Whether it looks like nothing in the taxonomy."""
        return is_unlike(self.prediction.decision)

    def confidence(self, node: str) -> float:
        """The confidence of a node; of one that is not named, the most that a named node below it has, or 0."""
        named = self.confidences.get(node)
        if named is not None:
            return named
        below = (value for other, value in self.confidences.items() if node in self.above(other))
        return max(below, default=0.0)

    def margin(self, level: int) -> float | None:
        """The best confidence of a level less the second; None where nothing is known of the level."""
        label = self.best.get(level)
        if label is None:
            return None
        others = [other.confidence for other in label.alternatives]
        others += [each.confidence for each in self.prediction.levels if each.level == level and each is not label]
        return round(label.confidence - max(others, default=0.0), 6)


def _confidences(prediction: AssetPrediction) -> dict[str, float]:
    found: dict[str, float] = {}
    for label in prediction.levels:
        for other in label.alternatives:
            found[other.node] = other.confidence
    for label in prediction.levels:
        found[label.node] = label.confidence
    if prediction.reported:
        for named in prediction.reported:
            found[named.node] = named.confidence
    return found
