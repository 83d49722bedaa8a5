"""Spend a number of reviews a day where they help most."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from classifier.bundles.calibration import Calibration, ReviewPlan, ReviewSubtree, values_by_subtree
from classifier.errors import CalibrationError
from classifier.evaluation.climbs import Climbs
from classifier.evaluation.metrics import decisions
from taxonomy.arrays import Floats

_ROUNDING = 1e-12  # the sample at the cutoff itself is not reviewed


@dataclass(frozen=True, slots=True)
class ReviewBudget:
    """How many assets people can look at a day, of how many that come in; what a wrong decision costs, others 1."""

    reviews_per_day: float
    assets_per_day: float
    costs: Mapping[str, float] = field(default_factory=dict)  # node id -> cost under that node

    @property
    def share(self) -> float:
        """The share of assets that can be reviewed, at most 1."""
        return min(1.0, self.reviews_per_day / self.assets_per_day)


def plan_reviews(climbs: Climbs, calibration: Calibration, budget: ReviewBudget) -> ReviewPlan:
    """The review thresholds that spend a budget best on assets like these samples.

    What a decision is expected to cost unreviewed is the cost of a mistake times (1 - its confidence), an asset without
    a decision counting as confidence 0; the dearest go to people. So of all ways to choose as many, this leaves the
    least expected cost, if confidences are calibrated. Raises CalibrationError on an impossible budget, TaxonomyError
    on an unknown node.
    """
    _require_possible(budget, len(climbs.truth))
    made = decisions(climbs, calibration)
    hierarchy, best = climbs.hierarchy, climbs.best
    costs = values_by_subtree(1.0, [(node, cost, cost) for node, cost in budget.costs.items()], hierarchy)[best]
    cutoff = _cutoff(costs * (1 - made.confidences), budget.share)
    subtrees = tuple(
        ReviewSubtree(node=node, cost=cost, threshold=_threshold(cutoff, cost)) for node, cost in budget.costs.items()
    )
    own = [(part.node, part.cost, part.threshold) for part in subtrees]
    thresholds = values_by_subtree(_threshold(cutoff, 1.0), own, hierarchy)[best]
    reviewed = made.confidences < thresholds
    automatic = made.decided & ~reviewed
    scale = budget.assets_per_day / len(climbs.truth)
    return ReviewPlan(
        budget_per_day=budget.reviews_per_day,
        assets_per_day=budget.assets_per_day,
        threshold=_threshold(cutoff, 1.0),
        subtrees=subtrees,
        reviews_per_day=float(reviewed.sum()) * scale,
        beyond_budget_per_day=float((~made.decided & ~reviewed).sum()) * scale,
        coverage=float(automatic.mean()),
        accuracy=float(made.right[automatic].mean()) if automatic.any() else 0.0,
        samples=len(climbs.truth),
    )


def _threshold(cutoff: float, cost: float) -> float:
    """The confidence below which a mistake of this cost is expected to cost more than the cutoff."""
    return 1 - cutoff / cost - _ROUNDING


def _cutoff(expected_costs: Floats, share: float) -> float:
    """The least expected cost such that no more than this share of the samples lies above it."""
    count = math.floor(share * len(expected_costs) + 1e-9)
    if count == 0:
        return float(expected_costs.max())
    if count == len(expected_costs):
        return 0.0
    return float(np.sort(expected_costs)[::-1][count])


def _require_possible(budget: ReviewBudget, samples: int) -> None:
    numbers = (budget.reviews_per_day, budget.assets_per_day, *budget.costs.values())
    if not all(map(math.isfinite, numbers)) or budget.reviews_per_day < 0 or budget.assets_per_day <= 0:
        raise CalibrationError("review budget: needs at least 0 reviews and more than 0 assets a day")
    if any(cost <= 0 for cost in budget.costs.values()):
        raise CalibrationError("review budget: a wrong decision must cost more than 0")
    if not samples:
        raise CalibrationError("review budget: no calibration samples")
