"""Weights of rare nodes, at every level."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from classifier.config import TrainingConfig
from classifier.data.class_balance import draw_weights, log_priors, loss_weights, node_counts
from taxonomy import Hierarchy

# positions of the tree's fixture: A 0, B 1, a1 2, a2 3, b1 4, b2 5
LABELS = np.array([2] * 6 + [3] * 2 + [4] * 1 + [1] * 1)


def carried(tree: Hierarchy) -> csr_array:
    """The nodes of each sample: its label and what lies above."""
    return tree.closed([[label] for label in LABELS])


def test_counts_go_up_to_the_roots(tree: Hierarchy) -> None:
    assert node_counts(carried(tree)).tolist() == [8, 2, 6, 2, 1, 0]


def test_without_an_option_all_count_alike(tree: Hierarchy) -> None:
    config = TrainingConfig()
    assert loss_weights(carried(tree), tree, config).tolist() == [1.0] * 10
    assert draw_weights(carried(tree), tree, config) is None


def test_rare_nodes_are_drawn_by_the_root_of_their_count(tree: Hierarchy) -> None:
    """The mean over the levels of 1 / sqrt(n), each level scaled to a mean of 1 over its samples."""
    drawn = draw_weights(carried(tree), tree, TrainingConfig(resampling="sqrt"))
    assert drawn is not None
    upper = {0: 8**-0.5, 1: 2**-0.5}
    lower = {2: 6**-0.5, 3: 2**-0.5, 4: 1.0}
    upper_mean = (8 * upper[0] + 2 * upper[1]) / 10
    lower_mean = (6 * lower[2] + 2 * lower[3] + lower[4]) / 9
    raw = [(upper[0] / upper_mean + lower[2] / lower_mean) / 2] * 6
    raw += [(upper[0] / upper_mean + lower[3] / lower_mean) / 2] * 2
    raw += [(upper[1] / upper_mean + lower[4] / lower_mean) / 2, upper[1] / upper_mean]
    assert drawn.tolist() == pytest.approx((np.array(raw) / np.mean(raw)).tolist())


def test_the_effective_number_weighs_rare_nodes_more(tree: Hierarchy) -> None:
    weights = loss_weights(carried(tree), tree, TrainingConfig(class_weights="effective", effective_beta=0.9))
    assert weights.mean() == pytest.approx(1.0)
    assert weights[0] < weights[6] < weights[8]


def test_a_beta_of_nothing_weighs_alike(tree: Hierarchy) -> None:
    weights = loss_weights(carried(tree), tree, TrainingConfig(class_weights="effective", effective_beta=0.0))
    assert weights.tolist() == pytest.approx([1.0] * 10)


def test_priors_with_one_more_of_each(tree: Hierarchy) -> None:
    """The label at B counts half for b1 and half for b2."""
    assert np.exp(log_priors(LABELS, tree)).tolist() == pytest.approx([7 / 14, 3 / 14, 2.5 / 14, 1.5 / 14])
