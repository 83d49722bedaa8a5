"""What every mode's output shares: the probabilities of all nodes, and the columns that logits stand in."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from taxonomy import Hierarchy


class NodeProbs(NamedTuple):
    """nodes: (B, N) float64 probabilities. best: (B,) int64, the position of the most probable terminal's node."""

    nodes: Tensor
    best: Tensor


def label_columns(hierarchy: Hierarchy) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(N,) the column that a label at each node stands for: an inner terminal means exactly that node."""
    columns = np.arange(len(hierarchy))
    inner = hierarchy.terminals[hierarchy.inner_terminals]
    columns[inner] = len(hierarchy) + np.arange(len(inner))
    return columns
