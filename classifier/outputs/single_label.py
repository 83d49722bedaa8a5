"""What every output has in common in which a label is one column: the path softmax, and baselines beside it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from classifier.data.manifest import Sample, label_positions
from classifier.data.targets import OneHot
from classifier.outputs.base import NodeProbs
from taxonomy import Hierarchy
from taxonomy.arrays import Floats, Ints


class SingleLabelOutput(nn.Module, ABC):
    """An `Output` in which each node's label stands for one column.

    hierarchy: of logits, labels and answers; `AdaptedOutput` answers in another.
    columns: (N,) the column that a label at each node stands for.
    column_levels: (C,), see `Output`.
    """

    label_columns: Tensor  # (N,) int64
    terminal_columns: Tensor  # (T,) int64: those of the terminals

    def __init__(self, hierarchy: Hierarchy, columns: Ints, column_count: int, column_levels: Ints | None) -> None:
        super().__init__()
        self.hierarchy = hierarchy
        self.unreachable: tuple[str, ...] = ()
        self.column_count = column_count
        self.column_levels = column_levels
        self._labelled = hierarchy
        self.register_buffer("label_columns", torch.from_numpy(columns), persistent=False)
        self.register_buffer("terminal_columns", torch.from_numpy(columns[hierarchy.terminals]), persistent=False)

    @abstractmethod
    def log_probs(self, logits: Tensor, offsets: Tensor | None = None) -> Tensor:
        """(B, C) log-probabilities of the columns; offsets (T,) or (B, T) are added to the terminals' logits."""

    @abstractmethod
    def terminal_probs(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """(B, T) float64 probabilities of the terminals."""

    @abstractmethod
    def predict(self, logits: Tensor, temperature: float = 1.0) -> NodeProbs:
        """Probabilities of all nodes and the best terminal."""

    def loss(self, logits: Tensor, targets: Tensor, offsets: Tensor | None = None) -> Tensor:
        """(B,) cross-entropy -sum of targets * log p; `targets` (B, C) are weights of columns that sum to 1."""
        return -(targets * self.log_probs(logits, offsets)).sum(dim=1)

    def targets(self, samples: Sequence[Sample]) -> OneHot:
        """The column of each sample's one label."""
        positions = np.array(label_positions(samples, self._labelled), dtype=np.int64)
        return OneHot(self.label_columns.cpu()[torch.from_numpy(positions)], self.column_count)

    def log_likelihoods(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(B,) log-probabilities of the label columns (B,)."""
        return self.log_probs(logits).gather(1, labels[:, None])[:, 0]

    def losses_at(self, logits: Tensor, labels: Tensor, temperatures: Floats) -> Floats:
        """(K,) the summed cross-entropy at each temperature."""
        return np.array([-self.log_likelihoods(logits.double() / each, labels).sum().item() for each in temperatures])

    def entropies(self, logits: Tensor) -> Tensor:
        """(B,) entropy in nats of the terminals."""
        spread: Tensor = torch.special.entr(self.terminal_probs(logits)).sum(dim=1)
        return spread

    def energies(self, _logits: Tensor) -> Tensor | None:
        """None: an output may have no terminal logits to take the energy of."""
        return None
