"""The two modes, and the one table that chooses between them by name."""

from collections.abc import Mapping

from torch import nn

from classifier.config import Mode
from classifier.networks.heads import LevelHeads
from classifier.outputs.adapted import AdaptedOutput, AdaptedSigmoidMax
from classifier.outputs.base import Strategy
from classifier.outputs.path_softmax import PathSoftmax
from classifier.outputs.sigmoid_max import SigmoidMax
from classifier.outputs.single_label import SingleLabelOutput
from taxonomy import Hierarchy
from taxonomy.changes.diff import Difference


class SingleLabel:
    """One label an asset: the path softmax. Baselines derive from it, with other heads and another output."""

    mode: Mode = "single"
    several_labels = False
    has_one_path = True
    has_one_temperature = False
    card_note = ""

    def make_heads(self, feature_count: int, hierarchy: Hierarchy) -> nn.Module:
        """A logit for every node and a "stop here" logit for every inner terminal."""
        return LevelHeads(feature_count, hierarchy)

    def make_output(self, hierarchy: Hierarchy) -> SingleLabelOutput:
        """The path softmax."""
        return PathSoftmax(hierarchy)

    def adapt_output(self, before: Hierarchy, difference: Difference) -> SingleLabelOutput:
        """The path softmax of one release that answers in another. Raises ReleaseMismatchError."""
        return AdaptedOutput(before, difference)


class MultiLabel:
    """Any number of labels an asset: sigmoid and maximum."""

    mode: Mode = "multi"
    several_labels = True
    has_one_path = False
    has_one_temperature = True
    card_note = (
        "Multi-label: an image may carry several nodes; the tables judge its first answer by the nearest of them."
    )

    def make_heads(self, feature_count: int, hierarchy: Hierarchy) -> LevelHeads:
        """A logit for every node; an asset stops at an inner node by having no child of it, which needs no logit."""
        return LevelHeads(feature_count, hierarchy, stops=False)

    def make_output(self, hierarchy: Hierarchy) -> SigmoidMax:
        """Sigmoid and maximum."""
        return SigmoidMax(hierarchy)

    def adapt_output(self, before: Hierarchy, difference: Difference) -> SigmoidMax:
        """Sigmoid and maximum of one release that answers in another. Raises ReleaseMismatchError."""
        return AdaptedSigmoidMax(before, difference)


SINGLE_LABEL = SingleLabel()
MULTI_LABEL = MultiLabel()

MODES: Mapping[Mode, Strategy] = {"single": SINGLE_LABEL, "multi": MULTI_LABEL}
