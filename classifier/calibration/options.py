"""What a calibration may be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from classifier.bundles.calibration import DEFAULT_TARGET_ACCURACY, Guarantee
from classifier.calibration.out_of_distribution import DEFAULT_FALSE_ALARMS
from classifier.calibration.review_budget import ReviewBudget


@dataclass(frozen=True, slots=True)
class CalibrationOptions:
    """What a calibration is to reach.

    guarantee: see `thresholds`. subtree_targets: node id -> target of the assets whose best terminal is that node
    or lies under it. false_alarms: share of known assets that may fail the energy check; 0 leaves the check out.
    """

    target_accuracy: float = DEFAULT_TARGET_ACCURACY
    guarantee: Guarantee = "decisions"
    subtree_targets: Mapping[str, float] = field(default_factory=dict)
    false_alarms: float = DEFAULT_FALSE_ALARMS
    review: ReviewBudget | None = None
