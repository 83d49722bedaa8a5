"""What a network is to say of each sample, as rows over the columns of its output."""

from typing import Protocol

import torch
from scipy.sparse import csr_array
from torch import Tensor, nn


class Targets(Protocol):
    """The targets of S samples; moves from device to device as a torch module does."""

    def __call__(self, positions: Tensor) -> Tensor:
        """(B,) positions of samples -> (B, C) float."""

    def labels(self, positions: Tensor) -> Tensor:
        """(B,) positions of samples -> their labels, B rows of the shape that their output calls a label."""


class OneHot(nn.Module):
    """Samples that stand for one column each: (S,) columns of C."""

    _columns: Tensor

    def __init__(self, columns: Tensor, column_count: int) -> None:
        super().__init__()
        self._count = column_count
        self.register_buffer("_columns", columns, persistent=False)

    def forward(self, positions: Tensor) -> Tensor:
        """(B,) -> (B, C): one 1 in each row."""
        return nn.functional.one_hot(self._columns[positions], self._count).float()

    def labels(self, positions: Tensor) -> Tensor:
        """(B,) -> (B,) columns."""
        return self._columns[positions]


class CarriedNodes(nn.Module):
    """Samples that carry several nodes: (S, N) boolean rows, closed upward. They stay sparse until asked for."""

    _indptr: Tensor
    _indices: Tensor

    def __init__(self, carried: csr_array) -> None:
        super().__init__()
        self._count = carried.shape[1]
        self.register_buffer("_indptr", torch.from_numpy(carried.indptr).long(), persistent=False)
        self.register_buffer("_indices", torch.from_numpy(carried.indices).long(), persistent=False)

    def forward(self, positions: Tensor) -> Tensor:
        """(B,) -> (B, N): 1 at every node that is carried."""
        starts, counts = self._indptr[positions], self._indptr[positions + 1] - self._indptr[positions]
        rows = torch.repeat_interleave(torch.arange(len(positions), device=positions.device), counts)
        within = torch.arange(len(rows), device=positions.device) - (counts.cumsum(0) - counts)[rows]
        dense = torch.zeros(len(positions), self._count, device=positions.device)
        dense[rows, self._indices[starts[rows] + within]] = 1.0
        return dense

    def labels(self, positions: Tensor) -> Tensor:
        """(B,) -> (B, N): likewise; a set has no shorter form."""
        return self.forward(positions)
