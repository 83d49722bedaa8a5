"""What turns features into probabilities and a loss. Cladist's own is the path softmax; benchmarks bring baselines."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from classifier.config import Mode
from classifier.networks.heads import LevelHeads
from classifier.outputs.base import NodeProbs
from classifier.outputs.path_softmax import PathSoftmax
from taxonomy import Hierarchy


class Output(Protocol):
    """From logits (B, C) to a loss and to node probabilities; see `classifier.outputs.path_softmax` for the columns."""

    column_count: int
    label_columns: Tensor  # (N,) the column that a label at each node stands for
    terminal_columns: Tensor  # (T,) those of the terminals

    def to(self, device: torch.device) -> Any:
        """Move to a device, as a torch module does."""

    def log_probs(self, logits: Tensor, offsets: Tensor | None = None) -> Tensor:
        """(B, C) log-probabilities of the columns; offsets (T,) or (B, T) are added to the terminals' logits."""

    def loss(self, logits: Tensor, targets: Tensor, offsets: Tensor | None = None) -> Tensor:
        """(B,) losses against soft targets (B, C)."""

    def terminal_probs(self, logits: Tensor) -> Tensor:
        """(B, T) float64 probabilities of the terminals."""

    def predict(self, logits: Tensor, temperature: float = 1.0) -> NodeProbs:
        """Probabilities of all nodes and the best terminal."""


@dataclass(frozen=True, slots=True)
class Method:
    """How to make the heads, from (feature count, hierarchy), and the output, from the hierarchy."""

    make_heads: Callable[[int, Hierarchy], nn.Module]
    make_output: Callable[[Hierarchy], Output]


PATH_SOFTMAX = Method(LevelHeads, PathSoftmax)


def make_heads(feature_count: int, hierarchy: Hierarchy, mode: Mode) -> nn.Module:
    """The heads of a mode: a label set holds an inner node by having no child of it, so needs no "stop here" logit."""
    return LevelHeads(feature_count, hierarchy, stops=mode == "single")
