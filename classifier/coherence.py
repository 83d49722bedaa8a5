"""The path softmax: coherent probabilities of all nodes from one logit per node.

Columns. A hierarchy of N nodes, T terminals and K inner terminals has C = N + K columns. Column v < N stands for
"node v, or anything below it"; column N + k stands for "exactly inner terminal k" (its "stop here" logit). Logits,
log-probabilities and soft targets all use these columns, so that a label is one column whatever kind of node it is.
"""

import warnings
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from scipy.sparse import csr_array, hstack
from torch import Tensor, nn
from torch.autograd.function import Function

from taxonomy import Hierarchy

_TINY = 1e-30  # an inner node less probable than this counts as this improbable in the loss


class NodeProbs(NamedTuple):
    """nodes: (B, N) float64 probabilities. best: (B,) int64, the position of the most probable terminal's node."""

    nodes: Tensor
    best: Tensor


class PathSoftmax(nn.Module):
    """theta_t = sum of the logits of t's ancestors-or-self; p(t) = softmax(theta)_t; p(v) = sum of p(t) under v.

    Source: the parameter-sharing softmax of Valmadre, "Hierarchical classification at multiple operating points",
    NeurIPS 2022.
    """

    label_columns: Tensor  # (N,) int64: the column that a label at each node stands for
    terminal_columns: Tensor  # (T,) int64: those of the terminals
    _columns: Tensor
    _terminals: Tensor

    def __init__(self, hierarchy: Hierarchy) -> None:
        super().__init__()
        self.node_count = len(hierarchy)
        self.column_count = self.node_count + len(hierarchy.inner_terminals)
        self._paths = SparsePair(_with_stops(hierarchy))  # (T, C)
        self._below = SparsePair(hierarchy.incidence.T.tocsr())  # (N, T)
        self._sweep = MaxSweep(hierarchy)
        self.register_buffer("_columns", torch.from_numpy(_log_prob_columns(hierarchy)), persistent=False)
        self.register_buffer("_terminals", torch.from_numpy(hierarchy.terminals), persistent=False)
        columns = label_columns(hierarchy)
        self.register_buffer("label_columns", torch.from_numpy(columns), persistent=False)
        self.register_buffer("terminal_columns", torch.from_numpy(columns[hierarchy.terminals]), persistent=False)

    def terminal_logits(self, logits: Tensor) -> Tensor:
        """(B, C) logits -> (B, T) theta, unnormalised, float32 or float64."""
        return cast("Tensor", self._paths(logits if logits.dtype == torch.float64 else logits.float()))

    def log_probs(self, logits: Tensor, offsets: Tensor | None = None) -> Tensor:
        """(B, C) logits -> (B, C) log-probabilities of what each column stands for; differentiable.

        offsets (T,) or (B, T) are added to the terminals' logits. Exact for terminals; an inner node below 1e-30 reads
        as 1e-30.
        """
        theta = self.terminal_logits(logits)
        exact = torch.log_softmax(theta if offsets is None else theta + offsets, dim=1)  # (B, T)
        summed = self._below(exact.exp()).clamp_min(_TINY).log()  # (B, N)
        return torch.cat([summed, exact], dim=1)[:, self._columns]

    def loss(self, logits: Tensor, targets: Tensor, offsets: Tensor | None = None) -> Tensor:
        """(B,) cross-entropy -sum of targets * log p; `targets` (B, C) are weights of columns that sum to 1."""
        log_probs = self.log_probs(logits, offsets)
        return -(targets * log_probs).sum(dim=1)

    def terminal_probs(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """(B, C) logits -> (B, T) float64 probabilities of the terminals."""
        return torch.softmax(self.terminal_logits(logits.double()) / temperature, dim=1)

    def predict(self, logits: Tensor, temperature: float = 1.0) -> NodeProbs:
        """Probabilities of all nodes from (B, C) logits, exactly coherent: no node exceeds a parent of it."""
        terminal = self.terminal_probs(logits, temperature)
        nodes = cast("Tensor", self._sweep(self._below(terminal))).clamp(0.0, 1.0)
        return NodeProbs(nodes, self._terminals[terminal.argmax(dim=1)])


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
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
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


class MaxSweep(nn.Module):
    """The most probable descendant-or-self of every node, level by level from the deepest.

    After a sum the lift is a rounding error at most; it turns "coherent but for rounding" into "coherent".
    """

    _edges: Tensor  # (E, 2) parent, child

    def __init__(self, hierarchy: Hierarchy) -> None:
        super().__init__()
        child_levels = hierarchy.levels[hierarchy.edges[:, 1]]
        bounds = np.searchsorted(child_levels, np.arange(2, hierarchy.depth + 2))
        self._steps = tuple(slice(int(start), int(end)) for start, end in pairwise(bounds))[::-1]
        self._jumps = (hierarchy.depth - 1).bit_length()
        self.register_buffer("_edges", torch.from_numpy(hierarchy.edges), persistent=False)

    def forward(self, probs: Tensor) -> Tensor:
        """(B, N) -> (B, N) lifted, without a gradient; where that is needed, gather from the `sources`."""
        return self._lifted(probs.detach()).T.contiguous()

    @torch.no_grad()
    def sources(self, probs: Tensor) -> Tensor:
        """(B, N) -> (B, N) int64, the position of the descendant-or-self that each node's maximum comes from.

        One of those that tie, always the same one.
        """
        lifted = self._lifted(probs)
        parents, children = self._edges.T
        tied = torch.where(lifted[children] == lifted[parents], children[:, None], -1)  # (E, B)
        nodes = torch.arange(len(lifted), device=lifted.device)[:, None].expand_as(lifted)
        source = nodes.scatter_reduce(0, parents[:, None].expand_as(tied), tied, "amax")  # children stand after parents
        for _ in range(self._jumps):
            source = source.gather(0, source)
        return source.T

    def _lifted(self, probs: Tensor) -> Tensor:
        """(B, N) -> (N, B): with the nodes in rows, a step reads and writes whole rows."""
        rows = probs.T.clone(memory_format=torch.contiguous_format)
        for step in self._steps:
            parents, children = self._edges[step].T
            rows.scatter_reduce_(0, parents[:, None].expand(-1, rows.shape[1]), rows[children], "amax")
        return rows


def label_columns(hierarchy: Hierarchy) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(N,) the column that a label at each node stands for: an inner terminal means exactly that node."""
    columns = np.arange(len(hierarchy))
    inner = hierarchy.terminals[hierarchy.inner_terminals]
    columns[inner] = len(hierarchy) + np.arange(len(inner))
    return columns


def _log_prob_columns(hierarchy: Hierarchy) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(C,) where each column's log-probability stands in [N summed nodes, T exact terminals]."""
    columns = np.arange(len(hierarchy))
    is_leaf = np.ones(len(hierarchy.terminals), dtype=bool)
    is_leaf[hierarchy.inner_terminals] = False
    leaves = np.flatnonzero(is_leaf)
    columns[hierarchy.terminals[leaves]] = len(hierarchy) + leaves
    return np.concatenate([columns, len(hierarchy) + hierarchy.inner_terminals])


def _with_stops(hierarchy: Hierarchy) -> csr_array:
    """(T, C): the incidence, and for each inner terminal its "stop here" column."""
    inner = hierarchy.inner_terminals
    shape = (len(hierarchy.terminals), len(inner))
    stops = csr_array((np.ones(len(inner), dtype=bool), (inner, np.arange(len(inner)))), shape=shape)
    return csr_array(hstack([hierarchy.incidence, stops], format="csr"))
