"""Decode options: other ways to read an asset's probabilities, all of them coherent.

Restricting to a branch, allowing and blocking are one thing: probabilities given that the truth is a terminal which is
left. The others' mass is removed and the rest scaled to sum to 1; it does not stop at the parent of a blocked node, as
that would say "something here, but none of the nodes there are". Thresholds were calibrated without options: their
guarantee is not proven for assets decoded with them, and the decision's reason says what was left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from classifier.bundles.calibration import Calibration
from classifier.errors import DecodeError
from classifier.inference.decision import Alarm, Decision, confidence
from classifier.inference.least_cost import least_cost_terminal
from classifier.inference.prediction import DEFAULT_TOP, AssetPrediction, NodeConfidence, predict_asset
from classifier.outputs.terminals import Terminals
from taxonomy import Hierarchy
from taxonomy.arrays import Bools, Floats
from taxonomy.errors import some_of

_NAMED = 3  # nodes of one condition that a decision names


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How predictions are read; nodes by id.

    decode: the terminal that the path leads to, the most probable ("best") or that of least expected cost ("crm", see
    `least_cost`). top: how many nodes of each level are named, the path's own included. under: only this branch.
    allow, block: only what lies under, or not under, one of these nodes. report: nodes whose confidence is told
    whatever the path. bins: name -> nodes; a bin's confidence is that of their union, no terminal counting twice.
    """

    decode: Literal["best", "crm"] = "best"
    top: int = DEFAULT_TOP
    under: str | None = None
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    report: tuple[str, ...] = ()
    bins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def conditions(self) -> str:
        """What the probabilities are given, in words; empty when they are those of the model."""
        parts = [
            ("under", () if self.under is None else (self.under,)),
            ("allowed", self.allow),
            ("without", self.block),
        ]
        return ", ".join(f"{word} {some_of(map(repr, nodes), _NAMED)}" for word, nodes in parts if nodes)


class Decoder:
    """Reads predictions by options; `predict` is called once for each asset.

    Raises TaxonomyError on an unknown node, DecodeError on options that leave no terminal.
    """

    def __init__(
        self, hierarchy: Hierarchy, calibration: Calibration, model: str, options: DecodeOptions | None = None
    ) -> None:
        self._hierarchy = hierarchy
        self._calibration = calibration
        self._model = model
        self._options = options or DecodeOptions()
        self._thresholds = calibration.thresholds(hierarchy)
        self._review = calibration.review_thresholds(hierarchy)
        self._terminals = Terminals(hierarchy)
        self._reported = [hierarchy.position(node) for node in self._options.report]
        self._kept = self._kept_terminals()
        self._bins = {
            name: ([hierarchy.position(node) for node in nodes], self._union(nodes))
            for name, nodes in self._options.bins.items()
        }

    def predict(self, asset: str, probs: Floats, best: int, energy: float | None = None) -> AssetPrediction:
        """The prediction for one asset: `probs` (N,) coherent and calibrated, `best` the best terminal's position."""
        probs, masses, best, kept = self._read(probs, best)
        alarm = self._alarm(energy)
        found = predict_asset(
            asset,
            probs,
            best,
            self._hierarchy,
            model=self._model,
            threshold=None if self._thresholds is None else float(self._thresholds[best]),
            review_threshold=float(self._review[best]),
            alarm=alarm,
            top=self._options.top,
        )
        return replace(
            found,
            decision=found.decision if alarm else self._with_conditions(found.decision, kept),
            reported=reported(self._reported, probs, self._hierarchy) if self._reported else None,
            bins=self._bin_confidences(probs, masses) if self._bins else None,
        )

    def _read(self, probs: Floats, best: int) -> tuple[Floats, Floats, int, float]:
        """Probabilities of nodes (N,) and of exactly the terminals (T,), the path's end, and what the conditions keep.

        The terminals' are left empty where no option needs them.
        """
        options, kept = self._options, 1.0
        if options.decode == "best" and not options.conditions and not options.bins:
            return probs, np.empty(0), best, kept
        masses = self._terminals.exact(probs)
        if options.conditions:
            masses, kept = _given(masses, self._kept)
            probs = self._terminals.summed(masses)
            best = int(self._hierarchy.terminals[np.where(self._kept, masses, -1.0).argmax()])
        if options.decode == "crm":
            best = least_cost_terminal(probs, masses, self._hierarchy, self._kept)
        return probs, masses, best, kept

    def _alarm(self, energy: float | None) -> Alarm | None:
        check = self._calibration.energy
        if check is None or energy is None or not self._calibration.alarms(np.array([energy]), 1)[0]:
            return None
        return Alarm(energy, check)

    def _with_conditions(self, decision: Decision, kept: float) -> Decision:
        conditions = self._options.conditions
        if not conditions:
            return decision
        return replace(decision, reason=f"{decision.reason}; {conditions}, which has {kept:.3f}")

    def _bin_confidences(self, probs: Floats, masses: Floats) -> dict[str, float]:
        """A bin is as probable as its terminals together, and no less than each of its nodes."""
        return {
            name: confidence(min(1.0, max(masses[inside].sum(), probs[nodes].max())))
            for name, (nodes, inside) in self._bins.items()
        }

    def _kept_terminals(self) -> Bools:
        options = self._options
        kept = np.ones(len(self._hierarchy.terminals), dtype=bool)
        if options.under is not None:
            kept &= self._union((options.under,))
        if options.allow:
            kept &= self._union(options.allow)
        if options.block:
            kept &= ~self._union(options.block)
        if not kept.any():
            raise DecodeError(f"decode options: nothing is left {options.conditions}")
        return kept

    def _union(self, nodes: tuple[str, ...]) -> Bools:
        """(T,) whether a terminal lies under, or is, one of the nodes."""
        found = np.zeros(len(self._hierarchy.terminals), dtype=bool)
        for node in nodes:
            found |= self._terminals.under(self._hierarchy.position(node))
        return found


def reported(nodes: Sequence[int], probs: Floats, hierarchy: Hierarchy) -> tuple[NodeConfidence, ...]:
    """The confidences (N,) of the nodes at these positions, whatever the path."""
    return tuple(
        NodeConfidence(
            int(hierarchy.levels[node]), hierarchy.node_ids[node], hierarchy.names[node], confidence(probs[node])
        )
        for node in nodes
    )


def _given(masses: Floats, kept: Bools) -> tuple[Floats, float]:
    """The terminals' masses (T,) given that the truth is one of the kept, and how probable that is.

    Where that has no probability at all, nothing is known of the kept and each gets the same.
    """
    masses = np.where(kept, masses, 0.0)
    total = float(masses.sum())
    if total <= 0.0:
        return kept / kept.sum(), 0.0
    return masses / total, total
