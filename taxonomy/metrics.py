"""Hierarchical metrics as plain functions on arrays of node positions; all of them hold on DAGs."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from taxonomy.compiled import Hierarchy

_T = TypeVar("_T", bound=np.generic)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def hierarchical_f1(predicted: Ints, truth: Ints, hierarchy: Hierarchy) -> float:
    """Micro-averaged hierarchical F1 of (S,) predicted against (S,) true nodes, in [0, 1].

    With P and Y the ancestors-or-self of the two: precision = sum |P & Y| / sum |P|, recall = sum |P & Y| / sum |Y|.
    Source: Kiritchenko et al., "Learning and evaluation in the presence of class hierarchies", 2006.
    """
    ours, theirs = hierarchy.lineage[predicted], hierarchy.lineage[truth]
    total = ours.nnz + theirs.nnz
    return 2.0 * common_ancestors(predicted, truth, hierarchy).nnz / total if total else 0.0


def lca_heights(predicted: Ints, truth: Ints, hierarchy: Hierarchy) -> Ints:
    """(S,) edges from the lowest common ancestor-or-self down to its deepest leaf; 0 where a leaf was met.

    Two nodes with nothing in common meet at a virtual root above all roots. Source: Bertinetto et al., "Making better
    mistakes", CVPR 2020, which calls the mean over mistakes the mistake severity, the mean over all the hierarchical
    distance.
    """
    above_all = int(hierarchy.heights.max()) + 1
    common = common_ancestors(predicted, truth, hierarchy)
    heights = _reduce_rows(common, hierarchy.heights, np.minimum, above_all)
    return np.where(predicted == truth, 0, heights)


def common_ancestors(left: Ints, right: Ints, hierarchy: Hierarchy) -> csr_array:
    """(S, N) boolean CSR of the ancestors-or-self that the two nodes of each sample share."""
    return csr_array(hierarchy.lineage[left].multiply(hierarchy.lineage[right]))


def is_ancestor_or_self(upper: Ints, lower: Ints, hierarchy: Hierarchy) -> NDArray[np.bool_]:
    """(S,) whether `upper` is `lower` or an ancestor of it."""
    keys = lower * len(hierarchy) + upper
    rows = np.repeat(np.arange(len(hierarchy)), np.diff(hierarchy.lineage.indptr))
    known = rows.astype(np.int64) * len(hierarchy) + hierarchy.lineage.indices
    return np.isin(keys, known)


@dataclass(frozen=True, eq=False)
class OperatingCurve:
    """Averages over the samples, one entry per threshold (R,), from answering in full to answering nothing.

    correct: share of samples whose answer is an ancestor-or-self of the truth.
    precision, recall: information that answer and truth share, over that of the answer, or of the truth.
    Source: Valmadre, "Hierarchical classification at multiple operating points", NeurIPS 2022.
    """

    thresholds: Floats
    correct: Floats
    precision: Floats
    recall: Floats

    @property
    def ap(self) -> float:
        """Area under precision over recall."""
        return float(np.trapezoid(self.precision[::-1], self.recall[::-1]))

    @property
    def ac(self) -> float:
        """Area under the share correct over recall."""
        return float(np.trapezoid(self.correct[::-1], self.recall[::-1]))

    def recall_at(self, correct: float) -> float:
        """The largest recall at which at least this share of the answers is correct."""
        return float(self.recall[self.correct >= correct].max(initial=0.0))


def operating_curve(
    samples: Ints, nodes: Ints, confidences: Floats, truth: Ints, hierarchy: Hierarchy
) -> OperatingCurve:
    """The curve of the climb: a sample answers the deepest node on its climb whose confidence is above a threshold.

    samples, nodes, confidences: (M,), the climbs of all samples one after the other, each from its best terminal up to
    a root with confidences that never fall. truth: (S,). Past its root a sample answers nothing, which is correct.
    """
    true_nodes = truth[samples]
    shared = _reduce_rows(common_ancestors(nodes, true_nodes, hierarchy), hierarchy.information, np.maximum, 0.0)
    values = np.stack(
        [
            is_ancestor_or_self(nodes, true_nodes, hierarchy).astype(np.float64),
            _ratio(shared, hierarchy.information[nodes]),
            _ratio(shared, hierarchy.information[true_nodes]),
        ]
    )  # (3, M): correct, precision, recall
    is_last = np.append(samples[1:] != samples[:-1], True)
    is_first = np.append(True, is_last[:-1])
    after = np.where(is_last, np.array([[1.0], [1.0], [0.0]]), np.roll(values, -1, axis=1))
    order = np.argsort(confidences, kind="stable")
    steps = np.cumsum((after - values)[:, order], axis=1)
    start = values[:, is_first].sum(axis=1, keepdims=True)
    curve = np.concatenate([start, start + steps], axis=1) / len(truth)
    thresholds = np.concatenate([[0.0], confidences[order]])
    keep = np.append(thresholds[1:] != thresholds[:-1], True)
    correct, precision, recall = np.clip(curve[:, keep], 0.0, 1.0)
    return OperatingCurve(thresholds[keep], correct, precision, recall)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.ones_like(part), where=whole > 0)


def _reduce_rows(rows: csr_array, values: NDArray[_T], reduce: np.ufunc, empty: float) -> NDArray[_T]:
    """(S,) reduction of `values` (N,) over the columns set in each row, `empty` where a row has none."""
    filled = np.diff(rows.indptr) > 0
    reduced = np.full(rows.shape[0], empty, dtype=values.dtype)
    if rows.nnz:
        reduced[filled] = reduce.reduceat(values[rows.indices], rows.indptr[:-1][filled])
    return reduced
