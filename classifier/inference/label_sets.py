"""Decoding where an asset may carry several labels: from the probabilities of all nodes to the decided ones."""

from dataclasses import dataclass

import numpy as np

from classifier.bundles.calibration import Calibration, threshold_of
from classifier.errors import DecodeError
from classifier.inference.decision import Decision, confidence, decided_nodes, undecided
from classifier.inference.decoding import DecodeOptions, reported
from classifier.inference.prediction import Alternative, AssetPrediction, LevelLabel, alternative
from taxonomy import Hierarchy
from taxonomy.arrays import Floats


@dataclass(frozen=True)
class LabelSetDecoder:
    """Reads predictions by options; `predict` is called once for each asset.

    Raises TaxonomyError on an unknown node, DecodeError on options of the single-label mode.
    """

    hierarchy: Hierarchy
    calibration: Calibration
    model: str
    options: DecodeOptions

    def __post_init__(self) -> None:
        options = self.options
        if options.decode != "best" or options.conditions:
            raise DecodeError("a multi-label bundle takes no --decode crm, --under, --allow or --block")
        for node in (*options.report, *(node for nodes in options.bins.values() for node in nodes)):
            self.hierarchy.position(node)

    @property
    def _reported(self) -> list[int]:
        return [self.hierarchy.position(node) for node in self.options.report]

    def predict(self, asset: str, probs: Floats, best: int, _energy: float | None = None) -> AssetPrediction:
        """The prediction for one asset: `probs` (N,) coherent and calibrated, `best` the best terminal's position.

        `levels` holds every decided node and, at levels without one, the node of the best path; `decisions` the decided
        nodes that have no decided child, the most confident first; `decision` is the first of them. A bin's confidence
        is that of its most probable node.
        """
        decided = np.flatnonzero(decided_nodes(probs, self.calibration)).tolist()
        decisions = self._decisions(decided, probs)
        return AssetPrediction(
            asset,
            self.hierarchy.release,
            self.model,
            self._levels(decided, probs, best),
            decisions[0] if decisions else undecided(self._reason(probs[self.hierarchy.level_slices[0]].max(), "<")),
            reported=reported(self._reported, probs, self.hierarchy) if self._reported else None,
            bins=self._bins(probs) if self.options.bins else None,
            decisions=decisions,
            decided=tuple(self.hierarchy.node_ids[node] for node in decided),
        )

    def _decisions(self, decided: list[int], probs: Floats) -> tuple[Decision, ...]:
        hierarchy = self.hierarchy
        above = {int(parent) for node in decided for parent in hierarchy.parents[node]}
        last = sorted((node for node in decided if node not in above), key=lambda node: -probs[node])
        return tuple(
            Decision(
                hierarchy.node_ids[node],
                tuple(hierarchy.names[step] for step in hierarchy.path(node, probs)),
                int(hierarchy.levels[node]),
                confidence(probs[node]),
                self._reason(probs[node], ">="),
            )
            for node in last
        )

    def _reason(self, prob: float, sign: str) -> str:
        if self.calibration.threshold is None:
            return f"{prob:.3f} {sign} {threshold_of(self.calibration)}: no threshold was calibrated"
        return f"{prob:.3f} {sign} threshold {self.calibration.threshold:.3f}"

    def _levels(self, decided: list[int], probs: Floats, best: int) -> tuple[LevelLabel, ...]:
        levels = self.hierarchy.levels
        held = {int(levels[node]) for node in decided}
        nodes = [*decided, *(node for node in self.hierarchy.path(best, probs) if int(levels[node]) not in held)]
        named: set[int] = set()
        found = []
        for node in sorted(nodes, key=lambda node: (levels[node], -probs[node])):
            level = int(levels[node])
            others = () if level in named else self._others(level, set(nodes), probs)
            named.add(level)
            label = alternative(node, probs, self.hierarchy)
            found.append(LevelLabel(level, label.node, label.name, label.confidence, others))
        return tuple(found)

    def _others(self, level: int, taken: set[int], probs: Floats) -> tuple[Alternative, ...]:
        nodes = self.hierarchy.level_slices[level - 1]
        ranked = nodes.start + np.argsort(-probs[nodes], kind="stable")[: self.options.top + len(taken)]
        left = [int(node) for node in ranked if int(node) not in taken][: self.options.top - 1]
        return tuple(alternative(node, probs, self.hierarchy) for node in left)

    def _bins(self, probs: Floats) -> dict[str, float]:
        return {
            name: confidence(max(probs[self.hierarchy.position(node)] for node in nodes))
            for name, nodes in self.options.bins.items()
        }
