"""The path softmax against its definition, term by term, on random trees and on random DAGs with inner terminals."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import balanced_tree, dags, naive_lineage, trees

from classifier.networks.heads import LevelHeads
from classifier.outputs.max_sweep import MaxSweep
from classifier.outputs.path_softmax import PathSoftmax
from taxonomy import Hierarchy, Taxonomy

Case = tuple[Taxonomy, Hierarchy, torch.Tensor]


@st.composite
def cases(draw: st.DrawFn, max_scale: float = 10.0) -> Case:
    """A random tree or DAG with (3, C) float64 logits."""
    taxonomy = draw(st.one_of(trees(), dags()))
    hierarchy = Hierarchy.compile(taxonomy)
    width = len(hierarchy) + len(hierarchy.inner_terminals)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = draw(st.floats(0.01, max_scale))
    return taxonomy, hierarchy, torch.from_numpy(random.normal(0, scale, (3, width)))


def naive_terminal_probs(taxonomy: Taxonomy, hierarchy: Hierarchy, row: list[float]) -> dict[str, float]:
    """softmax of theta_t = the sum of the logits of t's ancestors-or-self, and of its own "stop here" logit."""
    stops = [hierarchy.node_ids[t] for t in hierarchy.terminals[hierarchy.inner_terminals]]
    logit = dict(zip(hierarchy.node_ids, row, strict=False))
    stop = dict(zip(stops, row[len(hierarchy) :], strict=True))
    theta = {
        node.id: math.fsum(logit[above] for above in naive_lineage(taxonomy, node.id)) + stop.get(node.id, 0.0)
        for node in taxonomy
        if taxonomy.is_terminal(node.id)
    }
    largest = max(theta.values())
    total = math.fsum(math.exp(value - largest) for value in theta.values())
    return {node_id: math.exp(value - largest) / total for node_id, value in theta.items()}


def naive_node_probs(taxonomy: Taxonomy, hierarchy: Hierarchy, row: list[float]) -> dict[str, float]:
    """p(v) = the sum of p(t) over the terminals that are v or lie below it."""
    terminal = naive_terminal_probs(taxonomy, hierarchy, row)
    below = {node_id: naive_lineage(taxonomy, node_id) for node_id in terminal}
    return {
        node.id: math.fsum(prob for node_id, prob in terminal.items() if node.id in below[node_id]) for node in taxonomy
    }


@given(cases())
def test_probabilities_by_their_definition(case: Case) -> None:
    taxonomy, hierarchy, logits = case
    nodes, best = PathSoftmax(hierarchy).predict(logits)
    for row, probs, end in zip(logits.tolist(), nodes.tolist(), best.tolist(), strict=True):
        naive = naive_node_probs(taxonomy, hierarchy, row)
        assert dict(zip(hierarchy.node_ids, probs, strict=True)) == pytest.approx(naive, abs=1e-9)
        terminal = naive_terminal_probs(taxonomy, hierarchy, row)
        assert terminal[hierarchy.node_ids[end]] == pytest.approx(max(terminal.values()), rel=1e-9)


@given(cases(max_scale=300.0), st.sampled_from([torch.float32, torch.float64, torch.bfloat16]))
def test_no_node_exceeds_a_parent(case: Case, dtype: torch.dtype) -> None:
    """Exactly: child <= parent for every edge, whatever the logits and their dtype."""
    _, hierarchy, logits = case
    nodes, _ = PathSoftmax(hierarchy).predict(logits.to(dtype), 0.7)
    assert torch.isfinite(nodes).all()
    assert (nodes >= 0).all()
    assert (nodes <= 1).all()
    assert (nodes[:, hierarchy.edges[:, 1]] <= nodes[:, hierarchy.edges[:, 0]]).all()


@given(cases())
def test_log_probs_by_their_definition(case: Case) -> None:
    """Column v < N is log p(v), column N + k the log of exactly inner terminal k; float64 to 1e-9, float32 to 1e-4."""
    taxonomy, hierarchy, logits = case
    output = PathSoftmax(hierarchy)
    stops = [hierarchy.node_ids[t] for t in hierarchy.terminals[hierarchy.inner_terminals]]
    expected = []
    for row in logits.tolist():
        nodes = naive_node_probs(taxonomy, hierarchy, row)
        terminal = naive_terminal_probs(taxonomy, hierarchy, row)
        expected.append([nodes[node_id] for node_id in hierarchy.node_ids] + [terminal[node_id] for node_id in stops])
    clamped = torch.tensor(expected, dtype=torch.float64).clamp_min(1e-30).log()
    torch.testing.assert_close(output.log_probs(logits).clamp_min(math.log(1e-30)), clamped, rtol=1e-9, atol=1e-9)
    single = output.log_probs(logits.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double().clamp_min(math.log(1e-30)), clamped, rtol=1e-4, atol=1e-4)


def test_the_levels_of_a_balanced_tree_sum_to_one() -> None:
    hierarchy = Hierarchy.compile(balanced_tree(3, 4))
    logits = torch.randn(5, len(hierarchy), dtype=torch.float64) * 4
    nodes, _ = PathSoftmax(hierarchy).predict(logits)
    for level in hierarchy.level_slices:
        torch.testing.assert_close(nodes[:, level].sum(dim=1), torch.ones(5, dtype=torch.float64))


def test_equal_logits_of_leaves_share_evenly(tree: Hierarchy) -> None:
    """Zero logits: every leaf a quarter, every root a half."""
    nodes, _ = PathSoftmax(tree).predict(torch.zeros(1, 6))
    assert nodes[0].tolist() == pytest.approx([0.5, 0.5, 0.25, 0.25, 0.25, 0.25])


def test_the_temperature_divides_the_logits(dag: Hierarchy) -> None:
    logits = torch.randn(4, 7, dtype=torch.float64)
    output = PathSoftmax(dag)
    torch.testing.assert_close(output.predict(logits, 2.5).nodes, output.predict(logits / 2.5).nodes)


@given(cases(max_scale=2.0))
def test_gradients_are_the_derivatives(case: Case) -> None:
    """gradcheck in float64: the hand-written backward of the sparse product is the derivative of its forward."""
    _, hierarchy, logits = case
    assert torch.autograd.gradcheck(PathSoftmax(hierarchy).log_probs, logits[:2].clone().requires_grad_())


def test_gradients_survive_an_earlier_inference(dag: Hierarchy) -> None:
    """The sparse matrices may have been made under inference_mode."""
    output = PathSoftmax(dag)
    with torch.inference_mode():
        output.predict(torch.zeros(1, 7))
        output.log_probs(torch.zeros(1, 7))
    logits = torch.zeros(1, 7, requires_grad=True)
    output.log_probs(logits)[0, 5].backward()
    assert logits.grad is not None
    assert logits.grad[0, 5] == pytest.approx(0.75)


def test_the_loss_of_a_half_labelled_sample(tree: Hierarchy) -> None:
    """At inner node A it is -log of all that lies below A, and it does not care which leaf gets it."""
    logits = torch.tensor([[0.0, 0.0, 1.0, -1.0, 2.0, 0.5]], dtype=torch.float64, requires_grad=True)
    output = PathSoftmax(tree)
    loss = output.loss(logits, torch.nn.functional.one_hot(output.label_columns[[0]], 6).double())
    weights = [math.e, 1 / math.e, math.e**2, math.e**0.5]
    assert loss.item() == pytest.approx(-math.log((weights[0] + weights[1]) / sum(weights)))
    loss.sum().backward()
    assert logits.grad is not None
    assert logits.grad[0, 0] < 0 < logits.grad[0, 1]


def test_a_label_at_an_inner_terminal_means_exactly_that_node(dag: Hierarchy) -> None:
    """Its column is the "stop here" column; that of any other node is its own."""
    output = PathSoftmax(dag)
    assert output.column_count == 7
    assert output.label_columns.tolist() == [0, 1, 6, 3, 4, 5]
    assert output.terminal_columns.tolist() == [6, 3, 4, 5]
    nodes, best = output.predict(torch.tensor([[0.0, 0, 0, 0, 0, 0, 50]]))
    assert nodes[0].tolist() == pytest.approx([0, 1, 1, 0, 0, 0], abs=1e-6)
    assert best.tolist() == [2]


@pytest.mark.parametrize("size", [1e3, 1e4, 1e30])
def test_enormous_logits_stay_finite(dag: Hierarchy, size: float) -> None:
    """The loss of every label, its gradient and the probabilities, in float32."""
    signs = torch.tensor([[1.0, -1, 1, -1, 1, -1, 1], [-1, 1, -1, 1, -1, 1, -1]])
    logits = (signs * size).requires_grad_()
    output = PathSoftmax(dag)
    log_probs = output.log_probs(logits)
    assert torch.isfinite(log_probs).all()
    assert (log_probs < 1e-5).all()
    (log_probs / size).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert torch.isfinite(output.predict(logits.detach()).nodes).all()


def test_the_sweep_lifts_parents_over_all_levels(dag: Hierarchy) -> None:
    """Each node comes to at least its most probable descendant; none comes down."""
    lifted = MaxSweep(dag)(torch.tensor([[0.1, 0.2, 0.3, 0.0, 0.9, 0.95], [1.0, 1.0, 1.0, 0.1, 0.2, 0.3]]))
    torch.testing.assert_close(
        lifted, torch.tensor([[0.9, 0.95, 0.95, 0.0, 0.9, 0.95], [1.0, 1.0, 1.0, 0.1, 0.2, 0.3]])
    )


def test_one_head_a_level_and_one_for_the_stops(dag: Hierarchy, tree: Hierarchy) -> None:
    """Their outputs stand in the order of the columns."""
    heads = LevelHeads(8, dag)
    assert [head.out_features for head in heads.heads] == [2, 2, 2, 1]
    assert [head.out_features for head in LevelHeads(8, tree).heads] == [2, 4]
    with torch.no_grad():
        for number, head in enumerate(heads.heads):
            assert isinstance(head, torch.nn.Linear)
            head.weight.zero_()
            head.bias.fill_(number)
    assert heads(torch.randn(1, 8)).tolist() == [[0, 0, 1, 1, 2, 2, 3]]


def test_the_output_adds_nothing_to_the_weights(dag: Hierarchy) -> None:
    """What follows from the taxonomy is not saved with the model."""
    assert PathSoftmax(dag).state_dict() == {}
