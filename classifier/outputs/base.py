"""What a mode is: the primitives in which single-label and multi-label classification differ.

A mode is one `Strategy`, chosen once by its name from `classifier.outputs.modes.MODES`. It makes the heads of a network
and the `Output` that reads their logits. Whoever works with logits asks the output. What a lower folder does in two
ways stands there in one table by mode (`_DECODERS`, `_TALLIES`, `_OBJECTIVES`, `_CARRIES`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from classifier.config import Mode
from classifier.data.manifest import Sample
from classifier.data.targets import Targets
from taxonomy import Hierarchy
from taxonomy.arrays import Floats, Ints
from taxonomy.changes.diff import Difference


class NodeProbs(NamedTuple):
    """nodes: (B, N) float64 probabilities. best: (B,) int64, the position of the most probable terminal's node."""

    nodes: Tensor
    best: Tensor


class Output(Protocol):
    """From logits (B, C) to the probabilities of the N nodes of a hierarchy, and to how likely labels are.

    hierarchy: of the answers. unreachable: ids of its terminals that can never be the answer.
    column_levels: (C,) the level of each column's node, or None where one temperature has to serve all columns.
    Labels are what `targets(samples).labels` gives; targets are the rows that calling it gives.
    """

    hierarchy: Hierarchy
    unreachable: tuple[str, ...]
    column_count: int
    column_levels: Ints | None

    def to(self, device: Any) -> Any:
        """Move to a device, as a torch module does."""

    def targets(self, samples: Sequence[Sample]) -> Targets:
        """What the network should say of each of these samples."""

    def predict(self, logits: Tensor, temperature: float = 1.0) -> NodeProbs:
        """Probabilities of all nodes, coherent, and the best terminal."""

    def log_likelihoods(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(B,) log-probability of each row's label; differentiable."""

    def losses_at(self, logits: Tensor, labels: Tensor, temperatures: Floats) -> Floats:
        """(K,) minus the summed log-likelihoods of the labels once the logits are divided by each temperature."""

    def entropies(self, logits: Tensor) -> Tensor | None:
        """(B,) entropy in nats of the distribution over terminals; None where there is no such distribution."""

    def energies(self, logits: Tensor) -> Tensor | None:
        """(B,) float64 energies of uncalibrated logits, large where nothing in the taxonomy fits; None without any."""


class Strategy(Protocol):
    """A mode: how many labels an asset carries, and the heads and the output that follow from it.

    several_labels: whether an asset may carry more than one node.
    has_one_path: whether an answer is one path, so that assets can be grouped by the node that it ends at.
    has_one_temperature: whether calibration divides all logits by one number and no more.
    card_note: a sentence for the model card; empty where there is nothing to explain.
    """

    mode: Mode
    several_labels: bool
    has_one_path: bool
    has_one_temperature: bool
    card_note: str

    def make_heads(self, feature_count: int, hierarchy: Hierarchy) -> nn.Module:
        """(B, D) features -> (B, C) logits, with fresh weights."""

    def make_output(self, hierarchy: Hierarchy) -> Output:
        """What reads the logits of a network trained on this hierarchy."""

    def adapt_output(self, before: Hierarchy, difference: Difference) -> Output:
        """What reads logits of the release `before` and answers in `difference.after`.

        Raises ReleaseMismatchError when no terminal is left to answer.
        """
