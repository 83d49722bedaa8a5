"""The path softmax: coherent probabilities of all nodes from one logit per node.

Columns. A hierarchy of N nodes, T terminals and K inner terminals has C = N + K columns. Column v < N stands for
"node v, or anything below it"; column N + k stands for "exactly inner terminal k" (its "stop here" logit). Logits,
log-probabilities and soft targets all use these columns, so that a label is one column whatever kind of node it is.
"""

from typing import cast

import numpy as np
import torch
from scipy.sparse import csr_array, hstack
from torch import Tensor

from classifier.outputs.base import NodeProbs
from classifier.outputs.max_sweep import MaxSweep
from classifier.outputs.single_label import SingleLabelOutput
from classifier.outputs.sparse import SparsePair
from taxonomy import Hierarchy
from taxonomy.arrays import Ints

_TINY = 1e-30  # an inner node less probable than this counts as this improbable in the loss


class PathSoftmax(SingleLabelOutput):
    """theta_t = sum of the logits of t's ancestors-or-self; p(t) = softmax(theta)_t; p(v) = sum of p(t) under v.

    Source: the parameter-sharing softmax of Valmadre, "Hierarchical classification at multiple operating points",
    NeurIPS 2022.
    """

    _columns: Tensor
    _terminals: Tensor

    def __init__(self, hierarchy: Hierarchy) -> None:
        levels = column_levels(hierarchy)
        super().__init__(hierarchy, label_columns(hierarchy), len(levels), levels)
        self._paths = SparsePair(_with_stops(hierarchy))  # (T, C)
        self._below = SparsePair(hierarchy.incidence.T.tocsr())  # (N, T)
        self._sweep = MaxSweep(hierarchy)
        self.register_buffer("_columns", torch.from_numpy(_log_prob_columns(hierarchy)), persistent=False)
        self.register_buffer("_terminals", torch.from_numpy(hierarchy.terminals), persistent=False)

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

    def terminal_probs(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """(B, C) logits -> (B, T) float64 probabilities of the terminals."""
        return torch.softmax(self.terminal_logits(logits.double()) / temperature, dim=1)

    def predict(self, logits: Tensor, temperature: float = 1.0) -> NodeProbs:
        """Probabilities of all nodes from (B, C) logits, exactly coherent: no node exceeds a parent of it."""
        terminal = self.terminal_probs(logits, temperature)
        nodes = cast("Tensor", self._sweep(self._below(terminal))).clamp(0.0, 1.0)
        return NodeProbs(nodes, self._terminals[terminal.argmax(dim=1)])

    def energies(self, logits: Tensor) -> Tensor:
        """(B,) float64: minus the log of the summed exponentials of the terminals' logits.

        It says how little the logits speak for anything, whatever they say of one terminal against another.
        Source: Liu et al., "Energy-based out-of-distribution detection", NeurIPS 2020.
        """
        return -torch.logsumexp(self.terminal_logits(logits.double()), dim=1)


def label_columns(hierarchy: Hierarchy) -> Ints:
    """(N,) the column that a label at each node stands for: an inner terminal means exactly that node."""
    columns = np.arange(len(hierarchy))
    inner = hierarchy.terminals[hierarchy.inner_terminals]
    columns[inner] = len(hierarchy) + np.arange(len(inner))
    return columns


def column_levels(hierarchy: Hierarchy) -> Ints:
    """(C,) the level of each column; a "stop here" logit counts to the level of the children it stands against."""
    stops = hierarchy.terminals[hierarchy.inner_terminals]
    return np.concatenate([hierarchy.levels, hierarchy.levels[stops] + 1])


def _log_prob_columns(hierarchy: Hierarchy) -> Ints:
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
