"""The compiled taxonomy: its arrays against naive definitions, and its size at 30,000 nodes."""

import numpy as np
import pytest
from hypothesis import given
from random_taxonomies import balanced_tree, dags, naive_height, naive_lineage
from scipy.sparse import csr_array
from small_taxonomies import outdoor_shop

from taxonomy import Hierarchy, Node, Taxonomy, TaxonomyError, release


@pytest.fixture
def hierarchy() -> Hierarchy:
    """wear, out | foot (assignable, under wear), tents (under out) | boots (under foot and out), sandals."""
    return Hierarchy.compile(outdoor_shop())


def test_the_arrays_of_a_small_dag(hierarchy: Hierarchy) -> None:
    """Every array written out by hand."""
    assert hierarchy.node_ids == ("out", "wear", "foot", "tents", "boots", "sandals")
    assert hierarchy.names == ("Outdoor", "Clothing", "Footwear", "Tents", "Boots", "Sandals")
    assert hierarchy.levels.tolist() == [1, 1, 2, 2, 3, 3]
    assert hierarchy.edges.tolist() == [[1, 2], [0, 3], [0, 4], [2, 4], [2, 5]]
    assert hierarchy.terminals.tolist() == [2, 3, 4, 5]
    assert hierarchy.inner_terminals.tolist() == [0]
    assert hierarchy.is_terminal.tolist() == [False, False, True, True, True, True]
    assert hierarchy.incidence.toarray().astype(int).tolist() == [
        [0, 1, 1, 0, 0, 0],
        [1, 0, 0, 1, 0, 0],
        [1, 1, 1, 0, 1, 0],
        [0, 1, 1, 0, 0, 1],
    ]
    assert hierarchy.terminal_counts.tolist() == [2, 3, 3, 1, 1, 1]
    assert hierarchy.heights.tolist() == [1, 2, 1, 0, 0, 0]
    assert hierarchy.level_slices == (slice(0, 2), slice(2, 4), slice(4, 6))
    assert [above.tolist() for above in hierarchy.parents] == [[], [], [1], [0], [0, 2], [2]]
    assert (len(hierarchy), hierarchy.depth) == (6, 3)


def test_information_is_in_nats(hierarchy: Hierarchy) -> None:
    """log 4 terminals less the log of those under the node."""
    expected = np.log(4) - np.log([2, 3, 3, 1, 1, 1])
    np.testing.assert_allclose(hierarchy.information, expected, rtol=1e-15)


def test_the_best_path_climbs_through_the_likeliest_parent(hierarchy: Hierarchy) -> None:
    assert hierarchy.path(4) == (0, 4)
    assert hierarchy.path(4, np.array([0.3, 0.7, 0.6, 0.1, 0.2, 0.3])) == (1, 2, 4)
    assert hierarchy.path(4, np.array([0.7, 0.3, 0.2, 0.1, 0.2, 0.3])) == (0, 4)
    assert hierarchy.path(1) == (1,)


def test_positions_are_found_by_id(hierarchy: Hierarchy) -> None:
    assert [hierarchy.position(node_id) for node_id in hierarchy.node_ids] == list(range(6))
    with pytest.raises(TaxonomyError, match=f"no node has the id 'toys' in release {hierarchy.release[:12]}"):
        hierarchy.position("toys")


def test_a_single_node_is_a_hierarchy() -> None:
    hierarchy = Hierarchy.compile(Taxonomy([Node("a", "A")]))
    assert hierarchy.edges.shape == (0, 2)
    assert hierarchy.incidence.toarray().tolist() == [[True]]
    assert hierarchy.information.tolist() == [0.0]
    assert hierarchy.path(0) == (0,)


@given(dags())
def test_parents_stand_before_children(taxonomy: Taxonomy) -> None:
    """Nodes by (level, id); edges by the child's level, then child, then parent; all edges and no other."""
    hierarchy = Hierarchy.compile(taxonomy)
    levels = taxonomy.levels
    assert list(hierarchy.node_ids) == sorted(levels, key=lambda node_id: (levels[node_id], node_id))
    assert (hierarchy.edges[:, 0] < hierarchy.edges[:, 1]).all()
    keys = [(hierarchy.levels[child], child, parent) for parent, child in hierarchy.edges]
    assert keys == sorted(keys)
    ids = hierarchy.node_ids
    assert {(ids[parent], ids[child]) for parent, child in hierarchy.edges} == set(taxonomy.graph.edges)
    assert hierarchy.release == release(taxonomy)


@given(dags())
def test_the_incidence_by_its_definition(taxonomy: Taxonomy) -> None:
    """Row t holds exactly the ancestors-or-self of terminal t; so does lineage for every node."""
    hierarchy = Hierarchy.compile(taxonomy)
    expected = np.array(
        [[above in naive_lineage(taxonomy, node) for above in hierarchy.node_ids] for node in hierarchy.node_ids]
    )
    assert isinstance(hierarchy.incidence, csr_array)
    np.testing.assert_array_equal(hierarchy.lineage.toarray(), expected)
    np.testing.assert_array_equal(hierarchy.incidence.toarray(), expected[hierarchy.terminals])
    np.testing.assert_array_equal(hierarchy.terminal_counts, expected[hierarchy.terminals].sum(axis=0))
    for node in range(len(hierarchy)):
        assert hierarchy.ancestors_or_self(node).tolist() == np.flatnonzero(expected[node]).tolist()


@given(dags())
def test_terminals_and_heights_by_their_definition(taxonomy: Taxonomy) -> None:
    hierarchy = Hierarchy.compile(taxonomy)
    ids = hierarchy.node_ids
    assert [ids[node] for node in hierarchy.terminals] == [node_id for node_id in ids if taxonomy.is_terminal(node_id)]
    inner = {ids[node] for node in hierarchy.terminals[hierarchy.inner_terminals]}
    assert inner == {node.id for node in taxonomy if node.assignable and taxonomy.children(node.id)}
    assert hierarchy.heights.tolist() == [naive_height(taxonomy, node_id) for node_id in ids]


@given(dags())
def test_level_slices_cover_the_nodes_in_order(taxonomy: Taxonomy) -> None:
    hierarchy = Hierarchy.compile(taxonomy)
    runs = [hierarchy.levels[nodes].tolist() for nodes in hierarchy.level_slices]
    assert all(set(run) == {level} for level, run in enumerate(runs, 1))
    assert sum(map(len, runs)) == len(hierarchy)


@given(dags())
def test_information_never_falls_on_the_way_down(taxonomy: Taxonomy) -> None:
    """It is 0 for a node above every terminal and log T for a leaf that is no ancestor."""
    hierarchy = Hierarchy.compile(taxonomy)
    parents, children = hierarchy.edges.T
    assert (hierarchy.information[children] >= hierarchy.information[parents]).all()
    leaves = hierarchy.heights == 0
    np.testing.assert_allclose(hierarchy.information[leaves], np.log(len(hierarchy.terminals)))


def test_a_balanced_tree_has_the_information_of_its_branches() -> None:
    """Each step down a tree of 3 branches tells log 3."""
    hierarchy = Hierarchy.compile(balanced_tree(3, 4))
    np.testing.assert_allclose(hierarchy.information, np.log(3) * (hierarchy.levels - 1), atol=1e-12)


def test_thirty_thousand_nodes_stay_sparse() -> None:
    """A DAG of 30,000 nodes compiles to arrays of a few megabytes; a dense matrix would be 900."""
    count = 30_000
    random = np.random.default_rng(1)
    second = {child: int(random.integers(0, child // 4 + 1)) for child in random.integers(1, count, 3_000).tolist()}
    nodes = [
        Node(f"n{i}", f"N{i}", tuple({f"n{i // 4}", f"n{second.get(i, i // 4)}"}) if i else ()) for i in range(count)
    ]
    hierarchy = Hierarchy.compile(Taxonomy(nodes))
    assert hierarchy.lineage.shape == (count, count)
    assert hierarchy.incidence.shape == (len(hierarchy.terminals), count)
    assert hierarchy.lineage.nnz < 20 * count
    parts = (hierarchy.lineage, hierarchy.incidence)
    assert sum(part.data.nbytes + part.indices.nbytes + part.indptr.nbytes for part in parts) < 20 * 2**20
    deepest = int(np.argmax(hierarchy.levels))
    assert hierarchy.depth <= len(hierarchy.ancestors_or_self(deepest)) < 100
