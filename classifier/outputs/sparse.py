"""Products with constant sparse matrices that gradients pass through."""

import warnings
from typing import Any, cast

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.autograd.function import Function


def _hear_the_warning() -> None:
    """Let torch say now, once for this process, that CSR tensors are in beta: filters must not be set in threads."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        torch.sparse_csr_tensor([0, 1], [0], [1.0], (1, 1), check_invariants=True)


_hear_the_warning()


class SparsePair(nn.Module):
    """A constant sparse matrix (R, S) and its transpose; maps (B, S) to (B, R) and gradients back."""

    def __init__(self, matrix: csr_array) -> None:
        super().__init__()
        self._forward = _SparseOperand(matrix)
        self._backward = _SparseOperand(csr_array(matrix.T.tocsr()))

    def forward(self, dense: Tensor) -> Tensor:
        """(B, S) -> (B, R) in the dtype of `dense`."""
        operands = (self._forward.matrix(dense.dtype), self._backward.matrix(dense.dtype))
        return cast("Tensor", _SparseProduct.apply(dense, *operands))


class _SparseOperand(nn.Module):
    """A CSR matrix of ones as buffers, so that it follows its module from device to device."""

    indptr: Tensor
    indices: Tensor

    def __init__(self, matrix: csr_array) -> None:
        super().__init__()
        self.shape = matrix.shape
        self.register_buffer("indptr", torch.from_numpy(matrix.indptr.astype(np.int64)), persistent=False)
        self.register_buffer("indices", torch.from_numpy(matrix.indices.astype(np.int64)), persistent=False)
        self._made: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def matrix(self, dtype: torch.dtype) -> Tensor:
        key = (dtype, self.indices.device)
        if key not in self._made:
            ones = torch.ones(len(self.indices), dtype=dtype, device=self.indices.device)
            self._made[key] = torch.sparse_csr_tensor(
                self.indptr, self.indices, ones, self.shape, check_invariants=True
            )
        return self._made[key]


class _SparseProduct(Function):
    """dense @ matrix.T for a constant sparse matrix; torch itself has no CSR gradient on every device."""

    @staticmethod
    def forward(ctx: Any, dense: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        ctx.transposed = transposed
        return _product(matrix, dense)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _product(ctx.transposed, gradients[0]), None, None


def _product(matrix: Tensor, dense: Tensor) -> Tensor:
    with torch.autocast(dense.device.type, enabled=False):  # no sparse product in half precision
        return (matrix @ dense.T).T
