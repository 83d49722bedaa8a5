"""The taxonomy as a graph: levels, terminals, look-ups by id and by path, immutability."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import networkx as nx
import pytest
from hypothesis import given
from random_taxonomies import dags, naive_height
from small_taxonomies import outdoor_shop

from taxonomy import Node, Taxonomy, TaxonomyError


@pytest.fixture
def shop() -> Taxonomy:
    """Boots stand at level 3: they are footwear at level 2 and, by a second way, outdoor at level 1."""
    return outdoor_shop("shop")


def test_the_level_of_a_node_follows_its_deepest_parent(shop: Taxonomy) -> None:
    assert dict(shop.levels) == {"wear": 1, "out": 1, "foot": 2, "tents": 2, "boots": 3, "sandals": 3}


@given(dags())
def test_levels_by_their_definition(taxonomy: Taxonomy) -> None:
    """1 for roots, else 1 + the largest level of the parents."""
    for node in taxonomy:
        assert taxonomy.levels[node.id] == 1 + max((taxonomy.levels[p] for p in node.parents), default=0)


def test_roots_and_leaves_in_the_order_of_ids(shop: Taxonomy) -> None:
    assert [node.id for node in shop.roots] == ["out", "wear"]
    assert [node.id for node in shop.leaves] == ["boots", "sandals", "tents"]


def test_terminals_are_the_leaves_and_the_assignable(shop: Taxonomy) -> None:
    assert {node.id for node in shop if shop.is_terminal(node.id)} == {"boots", "sandals", "tents", "foot"}


def test_children_in_the_order_of_names(shop: Taxonomy) -> None:
    assert [node.name for node in shop.children("out")] == ["Boots", "Tents"]
    assert shop.children("tents") == ()


def test_a_node_is_found_by_each_of_its_paths(shop: Taxonomy) -> None:
    assert shop.find_path(["Clothing", "Footwear", "Boots"]).id == "boots"
    assert shop.find_path(["Outdoor", " Boots "]).id == "boots"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["Toys"], "'Toys' is not in the taxonomy: no 'Toys' among the roots"),
        (["Clothing", "Boots"], "'Clothing > Boots' is not in the taxonomy: no 'Boots' under 'Clothing'"),
        (
            ["Clothing", "Footwear", "Clogs"],
            "'Clothing > Footwear > Clogs' is not in the taxonomy: no 'Clogs' under 'Clothing > Footwear'",
        ),
        (["Footwear"], "'Footwear' is not in the taxonomy: no 'Footwear' among the roots"),
        ([], "an empty path names no node"),
    ],
)
def test_a_path_that_fails_names_the_step(shop: Taxonomy, names: list[str], message: str) -> None:
    with pytest.raises(TaxonomyError) as caught:
        shop.find_path(names)
    assert str(caught.value) == message


def test_path_runs_from_a_root_through_the_first_parents(shop: Taxonomy) -> None:
    assert [node.id for node in shop.path("boots")] == ["wear", "foot", "boots"]


def test_an_unknown_id_is_refused(shop: Taxonomy) -> None:
    with pytest.raises(TaxonomyError, match="shop: no node has the id 'toys'"):
        shop["toys"]
    assert "toys" not in shop


def test_the_graph_is_frozen(shop: Taxonomy) -> None:
    """Neither edges nor nodes can be added or taken away."""
    changes: list[Callable[[], object]] = [
        lambda: shop.graph.add_edge("tents", "wear"),
        lambda: shop.graph.add_node("toys"),
        lambda: shop.graph.remove_node("tents"),
    ]
    for change in changes:
        with pytest.raises(nx.NetworkXError, match="Frozen"):
            change()
    assert shop.graph.number_of_edges() == 5


def test_nodes_and_levels_are_read_only(shop: Taxonomy) -> None:
    """The types forbid it, and so does the object, for those who check no types."""
    with pytest.raises(FrozenInstanceError):
        shop["tents"].name = "Huts"  # type: ignore[misc]
    with pytest.raises(TypeError):
        shop["tents"].names["de"] = "Zelte"  # type: ignore[index]
    with pytest.raises(TypeError):
        shop.levels["tents"] = 7  # type: ignore[index]


def test_a_node_keeps_no_hold_on_what_it_was_made_from() -> None:
    """Changing the mapping afterwards changes nothing."""
    names = {"de": "Zelte"}
    node = Node("tents", "Tents", names=names)
    names["de"] = "Hütten"
    assert node.names["de"] == "Zelte"


def test_a_node_is_tidied() -> None:
    """White space is collapsed; parents and aliases are sets in order."""
    node = Node(" t ", "  Big   tents ", ("b", "a", "b "), ("z", " y"))
    assert (node.id, node.name, node.parents, node.aliases) == ("t", "Big tents", ("a", "b"), ("y", "z"))


def test_equality_is_of_content_and_not_of_lines() -> None:
    one, other = Taxonomy([Node("a", "A", line=1)], "x"), Taxonomy([Node("a", "A", line=9)], "y")
    assert one == other
    assert hash(one) == hash(other)
    assert one != Taxonomy([Node("a", "A", assignable=True)])


@given(dags())
def test_iteration_is_in_the_order_of_ids(taxonomy: Taxonomy) -> None:
    ids = [node.id for node in taxonomy]
    assert ids == sorted(ids)
    assert len(ids) == len(taxonomy)
    assert {node.id for node in taxonomy.leaves} == {i for i in ids if naive_height(taxonomy, i) == 0}
