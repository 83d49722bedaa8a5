"""Reduce the rows of a sparse matrix."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

_T = TypeVar("_T", bound=np.generic)


def reduce_rows(rows: csr_array, values: NDArray[_T], reduce: np.ufunc, empty: float) -> NDArray[_T]:
    """(S,) reduction of `values` (one for each stored entry) over each row, `empty` where a row stores none."""
    filled = np.diff(rows.indptr) > 0
    reduced = np.full(rows.shape[0], empty, dtype=values.dtype)
    if rows.nnz:
        reduced[filled] = reduce.reduceat(values, rows.indptr[:-1][filled])
    return reduced
