"""Class balance: loss weights, sampling weights and prior probabilities of rare and frequent nodes.

Every weight looks at all levels: a sample's is the mean over its labels and the ancestors of them.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array

from classifier.config import TrainingConfig
from taxonomy import Hierarchy
from taxonomy.arrays import Floats, Ints


def node_counts(carried: csr_array) -> Ints:
    """(N,) how many samples carry each node, by (S, N) boolean rows of a sample's labels and all their ancestors."""
    return np.bincount(carried.indices, minlength=carried.shape[1]).astype(np.int64)


def loss_weights(carried: csr_array, hierarchy: Hierarchy, config: TrainingConfig) -> Floats:
    """(S,) weights of the samples in the loss, 1 on average; by the effective number (1 - beta^n) / (1 - beta).

    Source: Cui et al., "Class-balanced loss based on effective number of samples", CVPR 2019, here at every level.
    """
    beta = config.effective_beta
    if config.class_weights == "none":
        return np.ones(carried.shape[0])
    return _by_rarity(carried, hierarchy, lambda counts: (1 - beta) / (1 - beta**counts))


def draw_weights(carried: csr_array, hierarchy: Hierarchy, config: TrainingConfig) -> Floats | None:
    """(S,) how often each sample is drawn in an epoch, 1 on average; None where each is drawn once.

    Source: square-root sampling, Mahajan et al. 2018, here at every level.
    """
    if config.resampling == "none":
        return None
    return _by_rarity(carried, hierarchy, lambda counts: counts**-0.5)


def log_priors(positions: Ints, hierarchy: Hierarchy) -> Floats:
    """(T,) the log of each terminal's share of the labels, with one more sample for every terminal.

    A label at an inner node that is no terminal counts evenly for all terminals below it.
    """
    labels = np.bincount(positions, minlength=len(hierarchy)).astype(np.float64)
    terminals = hierarchy.terminals
    spread = np.where(hierarchy.is_terminal, 0.0, labels / np.maximum(hierarchy.terminal_counts, 1))
    counts = labels[terminals] + hierarchy.incidence.astype(np.float64) @ spread
    shares: Floats = (counts + 1) / (counts + 1).sum()
    return np.log(shares)


def _by_rarity(carried: csr_array, hierarchy: Hierarchy, weigh: Callable[[Floats], Floats]) -> Floats:
    """(S,) the mean of the weights of each sample's nodes, each level scaled to a mean of 1 over its samples."""
    counts = node_counts(carried).astype(np.float64)
    used = counts > 0
    weights = np.zeros(len(hierarchy))
    weights[used] = weigh(counts[used])
    for level in hierarchy.level_slices:
        samples = counts[level].sum()
        if samples:
            weights[level] *= samples / (weights[level] * counts[level]).sum()
    found: Floats = (carried.astype(np.float64) @ weights) / np.diff(carried.indptr)
    scaled: Floats = found / found.mean()
    return scaled
