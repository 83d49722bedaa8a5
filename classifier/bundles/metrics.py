"""What an evaluation finds: the object of `cladist evaluate --json`, of metrics.json and of the model card.

Accuracies, shares, precision, recall and F1 lie in [0, 1]; distances are counted in edges. A mean over nothing is 0.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from classifier.bundles.calibration import Guarantee


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LevelMetrics(_Part):
    """One row of the table by level, over the samples whose truth reaches it.

    top1: whether the best path's node of this level is true. macro_top1: its mean over the true nodes.
    ece: over all answers given at this level, those to samples whose truth ends above included. ece_by_chance: what it
    is on average for a model whose confidences are true, with as many answers as these.
    """

    level: int
    nodes: int
    samples: int
    top1: float
    top5: float
    macro_top1: float
    ece: float
    ece_by_chance: float


class OperatingPoints(_Part):
    """The operating curve in four numbers: its areas, and the recall where 90 % and 95 % of the answers are right."""

    ap: float
    ac: float
    recall_at_90: float
    recall_at_95: float


class DecisionMetrics(_Part):
    """How the decisions of a calibration fare.

    guarantee: what the threshold promises, see `classifier.calibration.thresholds`.
    accuracy: of those made. wrong_fraction: share of all samples with a wrong one. coverage: share of samples with one.
    mean_level: of the nodes decided on.
    unfamiliar_fraction, review_fraction: share of samples without a decision because they look like nothing in the
    taxonomy, or because the plan sends them to people.
    With several labels accuracy is the share of the decided assets that have no wrong node among the decided ones.
    """

    target_accuracy: float | None
    threshold: float | None
    guarantee: Guarantee
    accuracy: float
    wrong_fraction: float
    coverage: float
    mean_level: float
    unfamiliar_fraction: float
    review_fraction: float


class LabelSetMetrics(_Part):
    """The sets of decided and of true nodes, ancestors included.

    micro_auprc: over all pairs of an asset and a node. precision, recall, f1: of the decided nodes, counted over all
    assets. exact_match: share of assets whose decided set is the true one. mean_true, mean_decided: nodes in a set.
    """

    threshold: float
    micro_auprc: float
    precision: float
    recall: float
    f1: float
    exact_match: float
    mean_true: float
    mean_decided: float


class Metrics(_Part):
    """What an evaluation finds; `label_sets` only where assets may carry several labels."""

    samples: int
    full_path_accuracy: float
    levels: tuple[LevelMetrics, ...]
    hierarchical_f1: float
    mistake_severity: float
    mean_hierarchical_distance: float
    incoherent_fraction: float
    operating_curve: OperatingPoints
    decision: DecisionMetrics
    label_sets: LabelSetMetrics | None = None

    def as_dict(self) -> dict[str, Any]:
        """The object as plain JSON values."""
        return self.model_dump(mode="json")

    @model_serializer(mode="wrap")
    def _without_absent_sets(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = dump(self)
        if self.label_sets is None:
            del fields["label_sets"]
        return fields
