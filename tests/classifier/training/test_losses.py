"""Targets that share with ancestors, margins by missing ancestors, priors in the logits."""

from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags, naive_lineage, trees

from classifier.config import TrainingConfig
from classifier.errors import TrainingError
from classifier.outputs.path_softmax import PathSoftmax
from classifier.training.losses import AncestorShare, HierarchicalLoss, MissingAncestors
from taxonomy import Hierarchy, Taxonomy

PLAIN = TrainingConfig(label_smoothing=0.0)


def one_hot(column: int, width: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor([column]), width).float()


def loss_of(hierarchy: Hierarchy, config: TrainingConfig, column: int, **more: torch.Tensor) -> float:
    output = PathSoftmax(hierarchy)
    logits = torch.linspace(-1, 1, output.column_count)[None]
    loss: torch.Tensor = HierarchicalLoss(output, hierarchy, config, **more)(
        logits, one_hot(column, output.column_count)
    )
    return loss.item()


def test_a_plain_loss_is_the_cross_entropy(tree: Hierarchy) -> None:
    output = PathSoftmax(tree)
    logits = torch.linspace(-1, 1, output.column_count)[None]
    assert loss_of(tree, PLAIN, 4) == pytest.approx(-output.log_probs(logits)[0, 4].item(), abs=1e-6)


def test_the_margin_is_the_way_up_to_the_common_ancestor(tree: Hierarchy) -> None:
    """a1 lacks nothing of a1's ancestors-or-self, a2 lacks one of the two, b1 and b2 lack both."""
    missing = MissingAncestors(tree)(one_hot(2, 6))
    assert missing.tolist() == [[0, 1, 2, 2]]


@given(st.one_of(trees(), dags()), st.randoms(use_true_random=False))
def test_margins_by_their_definition(taxonomy: Taxonomy, random: Random) -> None:
    """The count of a label's ancestors-or-self that are none of the terminal's."""
    hierarchy = Hierarchy.compile(taxonomy)
    output = PathSoftmax(hierarchy)
    label = random.randrange(len(hierarchy))
    missing = MissingAncestors(hierarchy)(one_hot(int(output.label_columns[label]), output.column_count))[0]
    wanted = naive_lineage(taxonomy, hierarchy.node_ids[label])
    for place, terminal in enumerate(hierarchy.terminals):
        assert missing[place] == len(wanted - naive_lineage(taxonomy, hierarchy.node_ids[terminal]))


def test_a_margin_makes_far_mistakes_dearer(tree: Hierarchy) -> None:
    """The loss with a margin is above that without, and grows with it."""
    losses = [loss_of(tree, PLAIN.changed({"loss": "margin", "margin": margin}), 2) for margin in (0.0, 0.5, 2.0)]
    assert losses[0] == pytest.approx(loss_of(tree, PLAIN, 2))
    assert losses[0] < losses[1] < losses[2]


@given(st.one_of(trees(), dags()))
def test_shares_keep_the_sum(taxonomy: Taxonomy) -> None:
    """What a label gives away its ancestors get, in equal parts; a root keeps all."""
    hierarchy = Hierarchy.compile(taxonomy)
    output = PathSoftmax(hierarchy)
    share = AncestorShare(hierarchy, 0.3)
    for node, column in enumerate(output.label_columns.tolist()):
        shared = share(one_hot(column, output.column_count))[0]
        assert shared.sum().item() == pytest.approx(1.0, abs=1e-6)
        above = set(hierarchy.ancestors_or_self(node).tolist()) - {column}
        assert set(shared.nonzero()[:, 0].tolist()) == {column, *above}
        assert shared[column].item() == pytest.approx(0.7 if above else 1.0)


def test_smoothing_spreads_over_the_terminals(dag: Hierarchy) -> None:
    output = PathSoftmax(dag)
    loss = HierarchicalLoss(output, dag, TrainingConfig(label_smoothing=0.2))
    smoothed = loss.smoothed(one_hot(0, output.column_count))[0]
    assert smoothed.sum().item() == pytest.approx(1.0)
    assert smoothed[output.terminal_columns].tolist() == pytest.approx([0.2 / 4] * 4)
    assert smoothed[0].item() == pytest.approx(0.8)


def test_logit_adjustment_adds_the_priors(tree: Hierarchy) -> None:
    """A label that is likely before the image is seen counts less; without tau priors count nothing."""
    priors = torch.tensor([0.7, 0.1, 0.1, 0.1]).log()
    adjusted = PLAIN.changed({"logit_adjustment": 1.0})
    assert loss_of(tree, adjusted, 2, log_priors=priors) < loss_of(tree, adjusted, 3, log_priors=priors)
    assert loss_of(tree, PLAIN, 2, log_priors=priors) == loss_of(tree, PLAIN, 2)


class LeavesOnly(PathSoftmax):
    """An output with fewer columns than nodes, as the flat baseline has."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        super().__init__(hierarchy)
        self.column_count = len(hierarchy.terminals)


@pytest.mark.parametrize("options", [{"loss": "margin"}, {"ancestor_share": 0.1}])
def test_margins_need_a_logit_a_node(tree: Hierarchy, options: dict[str, object]) -> None:
    with pytest.raises(TrainingError, match="a logit for every node"):
        HierarchicalLoss(LeavesOnly(tree), tree, PLAIN.changed(options))


def test_the_gradient_of_a_margin(dag: Hierarchy) -> None:
    output = PathSoftmax(dag)
    loss = HierarchicalLoss(output, dag, PLAIN.changed({"loss": "margin", "ancestor_share": 0.2}))
    random = np.random.default_rng(0)
    logits = torch.from_numpy(random.normal(size=(2, output.column_count))).requires_grad_()
    targets = torch.eye(output.column_count)[[3, 4]]
    assert torch.autograd.gradcheck(lambda x: loss(x, targets), (logits,), atol=1e-4)
