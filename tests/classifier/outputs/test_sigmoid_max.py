"""Sigmoid + max against its dense definition, C-HMCNN's own, on random trees and random DAGs."""

import time
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import balanced_tree, dags, naive_lineage, trees
from scipy.sparse import csr_array
from sklearn.metrics import average_precision_score

from classifier.outputs.max_sweep import MaxSweep
from classifier.outputs.sigmoid_max import SigmoidMax, closed_targets, micro_average_precision
from taxonomy import Hierarchy, Node, Taxonomy, TaxonomyError
from taxonomy.arrays import Bools

Case = tuple[Taxonomy, Hierarchy, torch.Tensor, torch.Tensor]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A random tree or DAG with (3, N) float64 logits, all different, and (3, N) targets closed upward."""
    taxonomy = draw(st.one_of(trees(), dags()))
    hierarchy = Hierarchy.compile(taxonomy)
    node_ids = st.lists(st.sampled_from(hierarchy.node_ids), max_size=4)
    labels = draw(st.lists(node_ids, min_size=3, max_size=3))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = random.permutation(3 * len(hierarchy)).reshape(3, -1) * draw(st.floats(0.01, 1.0))
    targets = closed_targets(labels, hierarchy).toarray().astype(np.float64)
    return taxonomy, hierarchy, torch.from_numpy(logits - logits.mean()), torch.from_numpy(targets)


def dense_closure(taxonomy: Taxonomy, hierarchy: Hierarchy) -> torch.Tensor:
    """(N, N) 1 where the column's node is the row's node or lies below it: what the sweep does without."""
    closure = torch.zeros(len(hierarchy), len(hierarchy), dtype=torch.float64)
    for node in taxonomy:
        for above in naive_lineage(taxonomy, node.id):
            closure[hierarchy.position(above), hierarchy.position(node.id)] = 1.0
    return closure


def dense_maximum(values: torch.Tensor, closure: torch.Tensor) -> torch.Tensor:
    """(B, N) values of at least 0 -> (B, N) maxima over descendants-or-self, by way of (B, N, N)."""
    return (closure * values[:, None, :]).amax(dim=2)


@given(cases())
def test_probabilities_by_their_definition(case: Case) -> None:
    taxonomy, hierarchy, logits, _ = case
    expected = dense_maximum(torch.sigmoid(logits), dense_closure(taxonomy, hierarchy))
    torch.testing.assert_close(SigmoidMax(hierarchy).predict(logits).nodes, expected)
    torch.testing.assert_close(torch.sigmoid(SigmoidMax(hierarchy).node_logits(logits)), expected)


@given(cases())
def test_the_loss_by_its_definition(case: Case) -> None:
    """BCE of y*max(y*h) + (1-y)*max(h), where h is not so extreme that the definition itself rounds."""
    taxonomy, hierarchy, logits, targets = case
    logits = logits * (10 / logits.abs().max().clamp_min(10))
    closure = dense_closure(taxonomy, hierarchy)
    h = torch.sigmoid(logits)
    mixed = targets * dense_maximum(targets * h, closure) + (1 - targets) * dense_maximum(h, closure)
    expected = torch.nn.functional.binary_cross_entropy(mixed, targets, reduction="none")
    torch.testing.assert_close(SigmoidMax(hierarchy).loss(logits, targets), expected, rtol=1e-6, atol=1e-9)


@given(cases())
def test_gradients_are_the_derivatives(case: Case) -> None:
    """gradcheck in float64 of the loss and of the node logits, where no two logits are equal."""
    _, hierarchy, logits, targets = case
    output = SigmoidMax(hierarchy)
    logits = (logits / 10).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: output.loss(x, targets), logits)
    assert torch.autograd.gradcheck(output.node_logits, logits)


@given(cases(), st.sampled_from([torch.float32, torch.float64, torch.bfloat16]), st.floats(0.05, 20))
def test_no_node_exceeds_a_parent(case: Case, dtype: torch.dtype, temperature: float) -> None:
    """Exactly: child <= parent for every edge, whatever the logits, their dtype and the temperature."""
    _, hierarchy, logits, _ = case
    nodes = SigmoidMax(hierarchy).predict((logits * 30).to(dtype), temperature).nodes
    assert ((nodes >= 0) & (nodes <= 1)).all()
    assert (nodes[:, hierarchy.edges[:, 1]] <= nodes[:, hierarchy.edges[:, 0]]).all()


@given(cases())
def test_sources_are_descendants_that_hold_the_maximum(case: Case) -> None:
    """Also among ties: the node named is at or below, and has the value that the sweep lifts to."""
    taxonomy, hierarchy, logits, _ = case
    closure = dense_closure(taxonomy, hierarchy)
    rounded = (logits / 4).round()
    sweep = MaxSweep(hierarchy)
    sources = sweep.sources(rounded)
    torch.testing.assert_close(rounded.gather(1, sources), sweep(rounded), rtol=0, atol=0)
    assert closure[torch.arange(len(hierarchy)).expand_as(sources), sources].all()


def test_a_positive_node_learns_from_its_positive_descendants_alone(tree: Hierarchy) -> None:
    """The sibling leaf is larger, but negative: the root of the label takes no gradient from it."""
    output = SigmoidMax(tree)
    targets = torch.from_numpy(closed_targets([["a1"]], tree).toarray().astype(np.float32))
    logits = torch.zeros(1, len(tree))
    logits[0, tree.position("a2")] = 3.0
    logits.requires_grad_()
    root = output.loss(logits, targets)[0, tree.position("A")]
    root.backward()
    assert root.item() == pytest.approx(np.log(2))
    assert logits.grad is not None
    assert logits.grad[0, tree.position("a2")] == 0


@pytest.mark.parametrize("size", [1e3, 1e30])
def test_enormous_logits_stay_finite(dag: Hierarchy, size: float) -> None:
    """The loss of right and wrong labels and its gradient, in float32."""
    logits = (torch.tensor([[1.0, -1, 1, -1, 1, -1], [-1, 1, -1, 1, -1, 1]]) * size).requires_grad_()
    targets = torch.tensor([[0.0] * 6, [1.0] * 6])
    losses = SigmoidMax(dag).loss(logits, targets)
    assert torch.isfinite(losses).all()
    (losses / size).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_targets_are_closed_upward(dag: Hierarchy) -> None:
    """Each label brings all its ancestors, once; a sample without labels has none."""
    deepest = dag.node_ids[-1]
    targets = closed_targets([[deepest, deepest], [], [dag.node_ids[0]]], dag).toarray()
    assert set(np.flatnonzero(targets[0])) == set(dag.ancestors_or_self(len(dag) - 1))
    assert targets.dtype == bool
    assert not targets[1].any()
    assert np.flatnonzero(targets[2]).tolist() == [0]
    with pytest.raises(TaxonomyError, match="no node has the id 'nowhere'"):
        closed_targets([["nowhere"]], dag)


@given(st.integers(0, 2**32), st.sampled_from([2, 1000]))
def test_micro_average_precision_is_that_of_scikit_learn(seed: int, values: int) -> None:
    """With many ties and with few."""
    random = np.random.default_rng(seed)
    targets: Bools = random.random((7, 5)) < 0.3
    targets[0, 0] = True
    probs = random.integers(0, values, (7, 5)) / values
    expected = average_precision_score(targets, probs, average="micro")
    assert micro_average_precision(csr_array(targets), probs) == pytest.approx(expected)


def test_thirty_thousand_nodes_train_in_seconds() -> None:
    """Loss and gradient at batch 32 over a tree, and over a DAG in which every node below the roots has two parents."""
    width, names = 3000, list(product(range(10), range(3000)))
    nodes = [Node(f"{level}-{i}", f"{level}-{i}", _two_above(level, i, width)) for level, i in names]
    for taxonomy in (balanced_tree(2, 14), Taxonomy(nodes)):
        hierarchy = Hierarchy.compile(taxonomy)
        logits = torch.randn(32, len(hierarchy), requires_grad=True)
        targets = torch.from_numpy(closed_targets([[hierarchy.node_ids[-1]]] * 32, hierarchy).toarray()).float()
        started = time.monotonic()
        SigmoidMax(hierarchy).loss(logits, targets).mean().backward()
        assert time.monotonic() - started < 5
        assert logits.grad is not None


def _two_above(level: int, number: int, width: int) -> tuple[str, ...]:
    return (f"{level - 1}-{number}", f"{level - 1}-{(number + 1) % width}") if level else ()
