"""Hierarchical precision, recall and F1: what the ancestors of prediction and truth have in common."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from taxonomy.arrays import Bools, Floats, Ints
from taxonomy.hierarchy import Hierarchy

Average = Literal["micro", "samples"]
_T = TypeVar("_T", bound=np.generic)


class Overlap(NamedTuple):
    """Hierarchical precision, recall and F1, each in [0, 1]."""

    precision: float
    recall: float
    f1: float


def overlap(predicted: Ints, truth: Ints, hierarchy: Hierarchy, average: Average = "micro") -> Overlap:
    """Hierarchical precision, recall and F1 of (S,) predicted against (S,) true nodes; zeros where there is no sample.

    With P and Y the ancestors-or-self of the two: precision |P & Y| / |P|, recall |P & Y| / |Y|, F1 their harmonic
    mean. "micro": numerators and denominators are summed over the samples first. "samples": precision, recall and F1
    are taken of each sample and averaged. Source: Kiritchenko et al., "Learning and evaluation in the presence of class
    hierarchies", 2006; averaged over samples as in Miranda et al., "HiClass", JMLR 2023.
    """
    return _overlap(hierarchy.lineage[predicted], hierarchy.lineage[truth], average)


def overlap_of_sets(
    predicted: Sequence[Sequence[int]], truth: Sequence[Sequence[int]], hierarchy: Hierarchy, average: Average = "micro"
) -> Overlap:
    """The same for sets of nodes a sample, as multi-label prediction gives them: P and Y are closed upward."""
    return _overlap(hierarchy.closed(predicted), hierarchy.closed(truth), average)


def hierarchical_f1(predicted: Ints, truth: Ints, hierarchy: Hierarchy) -> float:
    """Micro-averaged hierarchical F1: see `overlap`."""
    return overlap(predicted, truth, hierarchy).f1


def common_ancestors(left: Ints, right: Ints, hierarchy: Hierarchy) -> csr_array:
    """(S, N) boolean CSR of the ancestors-or-self that the two nodes of each sample share."""
    return csr_array(hierarchy.lineage[left].multiply(hierarchy.lineage[right]))


def is_ancestor_or_self(upper: Ints, lower: Ints, hierarchy: Hierarchy) -> Bools:
    """(S,) whether `upper` is `lower` or an ancestor of it."""
    keys = lower * len(hierarchy) + upper
    rows = np.repeat(np.arange(len(hierarchy)), np.diff(hierarchy.lineage.indptr))
    known = rows.astype(np.int64) * len(hierarchy) + hierarchy.lineage.indices
    return np.isin(keys, known)


def reduce_rows(rows: csr_array, values: NDArray[_T], reduce: np.ufunc, empty: float) -> NDArray[_T]:
    """(S,) reduction of `values` (one for each stored entry) over each row, `empty` where a row stores none."""
    filled = np.diff(rows.indptr) > 0
    reduced = np.full(rows.shape[0], empty, dtype=values.dtype)
    if rows.nnz:
        reduced[filled] = reduce.reduceat(values, rows.indptr[:-1][filled])
    return reduced


def _overlap(ours: csr_array, theirs: csr_array, average: Average) -> Overlap:
    shared = csr_array(ours.multiply(theirs))
    counts = [np.diff(rows.indptr).astype(np.float64) for rows in (shared, ours, theirs)]
    if average == "micro":
        counts = [np.array([count.sum()]) for count in counts]
    both, predicted, true = counts
    precision, recall, f1 = _share(both, predicted), _share(both, true), _share(2 * both, predicted + true)
    return Overlap(*(float(values.mean()) if len(values) else 0.0 for values in (precision, recall, f1)))


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
