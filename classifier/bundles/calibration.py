"""What calibration leaves behind: the temperatures, thresholds and checks of a bundle's calibration.json."""

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from taxonomy import Hierarchy
from taxonomy.arrays import Bools, Floats
from taxonomy.changes.diff import Difference

Guarantee = Literal["decisions", "images"]

DEFAULT_TARGET_ACCURACY = 0.95
_Positive = Annotated[float, Field(gt=0)]
_Temperature = Annotated[float, Field(ge=1e-3, le=1e3)]  # fits look between 0.25 and 4
_MAX_EXPONENT = 1e3
_Threshold = Annotated[float, Field(ge=0, le=math.nextafter(1, 2))]  # no probability reaches the largest: it is closed


class _Part(BaseModel):
    """Finite numbers only, and no key that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SubtreeTarget(_Part):
    """A target of its own for the assets whose best terminal is a node or lies under it."""

    node: str
    target_accuracy: float = Field(gt=0, lt=1)
    threshold: _Threshold
    samples: int = Field(ge=0)


class EntropyTemperature(_Part):
    """A temperature of each asset's own, exp(offset + slope * H) with the entropy H; see `classifier.inference`.

    lowest and highest: the entropies that it was fitted on; beyond them H counts as the nearer of them.
    """

    offset: float = Field(ge=-_MAX_EXPONENT, le=_MAX_EXPONENT)
    slope: float = Field(ge=-_MAX_EXPONENT, le=_MAX_EXPONENT)
    lowest: float = Field(ge=0)
    highest: float = Field(ge=0)

    def __str__(self) -> str:
        return f"exp({self.offset:.3f} {self.slope:+.3f} H)"


class EnergyCheck(_Part):
    """Assets of a larger energy than `limit` look like nothing in the taxonomy; `false_alarms` of the known ones do."""

    limit: float
    false_alarms: float = Field(gt=0, lt=1)


class ReviewSubtree(_Part):
    """The cost of a wrong decision under one node, relative to 1 elsewhere, and the review threshold that follows."""

    node: str
    cost: _Positive
    threshold: float = Field(le=1)


class ReviewPlan(_Part):
    """How a budget of reviews is spent: decisions of less confidence than `threshold` go to people.

    Expected figures are those of the calibration samples. reviews_per_day: assets sent to people, those without a
    decision included. beyond_budget_per_day: assets without a decision for which no review is left. coverage: share of
    assets decided without a person; accuracy: of those decisions.
    """

    budget_per_day: float = Field(ge=0)
    assets_per_day: _Positive
    threshold: float = Field(le=1)
    subtrees: tuple[ReviewSubtree, ...] = ()
    reviews_per_day: float = Field(ge=0)
    beyond_budget_per_day: float = Field(ge=0)
    coverage: float = Field(ge=0, le=1)
    accuracy: float = Field(ge=0, le=1)
    samples: int = Field(ge=0)


class Calibration(_Part):
    """What a bundle's calibration.json holds.

    temperature divides all logits; where there are level_temperatures (L,) they do it instead, level by level. Then the
    temperature by entropy does, if there is one.
    guarantee: what `threshold` promises, see `classifier.calibration.thresholds`.
    """

    temperature: _Temperature = 1.0
    level_temperatures: tuple[_Temperature, ...] = ()
    entropy: EntropyTemperature | None = None
    target_accuracy: float | None = Field(default=None, gt=0, lt=1)
    threshold: _Threshold | None = None
    guarantee: Guarantee = "images"  # the weaker promise, where a file says nothing
    subtrees: tuple[SubtreeTarget, ...] = ()
    energy: EnergyCheck | None = None
    review: ReviewPlan | None = None
    samples: int = Field(default=0, ge=0)
    split: str = ""

    def thresholds(self, hierarchy: Hierarchy) -> Floats | None:
        """(N,) the decision threshold of an asset by its best terminal's node; None when none was calibrated."""
        if self.threshold is None:
            return None
        own = [(part.node, part.target_accuracy, part.threshold) for part in self.subtrees]
        return values_by_subtree(self.threshold, own, hierarchy)

    def review_thresholds(self, hierarchy: Hierarchy) -> Floats:
        """(N,) the confidence below which a decision goes to people, by the asset's best terminal's node."""
        if self.review is None:
            return np.zeros(len(hierarchy))
        own = [(part.node, part.cost, part.threshold) for part in self.review.subtrees]
        return values_by_subtree(self.review.threshold, own, hierarchy)

    def named_nodes(self) -> set[str]:
        """The nodes that it has targets, costs or thresholds for."""
        reviewed = self.review.subtrees if self.review else ()
        return {part.node for part in self.subtrees} | {part.node for part in reviewed}

    def alarms(self, energies: Floats | None, count: int) -> Bools:
        """(count,) whether an asset looks like nothing in the taxonomy, by energies (count,).

        Never where there is no check, or where the model has no energies.
        """
        if self.energy is None or energies is None:
            return np.zeros(count, dtype=bool)
        return np.asarray(energies > self.energy.limit)


def values_by_subtree(default: float, own: list[tuple[str, float, float]], hierarchy: Hierarchy) -> Floats:
    """(N,) the value of each node: that of the deepest subtree it lies in, else the default.

    own: (node id, weight, value); of two subtrees of one level that share nodes the weightier wins. Raises
    TaxonomyError on an unknown node.
    """
    values = np.full(len(hierarchy), default)
    placed = [(hierarchy.position(node), weight, value) for node, weight, value in own]
    for position, _, value in sorted(placed, key=lambda part: (hierarchy.levels[part[0]], part[1])):
        values[under(position, hierarchy)] = value
    return values


def under(position: int, hierarchy: Hierarchy) -> Bools:
    """(N,) whether a node is the one at this position or lies under it."""
    lineage = hierarchy.lineage
    rows = np.repeat(np.arange(len(hierarchy)), np.diff(lineage.indptr))
    found = np.zeros(len(hierarchy), dtype=bool)
    found[rows[lineage.indices == position]] = True
    return found


UNCALIBRATED = 0.5  # without a threshold, nodes are decided that the asset more likely carries than not


def threshold_of(calibration: Calibration) -> float:
    """The probability from which a node is decided where an asset may carry several labels."""
    return UNCALIBRATED if calibration.threshold is None else calibration.threshold


def adapted_calibration(calibration: Calibration, difference: Difference) -> Calibration:
    """A calibration whose subtrees are those of the new release; subtrees that nothing carries are left out."""
    subtrees = [
        part.model_copy(update={"node": carrier})
        for part in calibration.subtrees
        if (carrier := difference.carriers.get(part.node)) is not None
    ]
    review = calibration.review
    if review is not None:
        kept = [
            part.model_copy(update={"node": carrier})
            for part in review.subtrees
            if (carrier := difference.carriers.get(part.node)) is not None
        ]
        review = review.model_copy(update={"subtrees": tuple(kept)})
    return calibration.model_copy(update={"subtrees": tuple(subtrees), "review": review})
