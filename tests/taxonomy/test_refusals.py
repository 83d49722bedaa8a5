"""Every rule of a taxonomy, and the one clear message that names who broke it."""

import pytest

from taxonomy import CladistError, Node, Taxonomy, TaxonomyError


def refused(*nodes: Node) -> str:
    with pytest.raises(TaxonomyError) as caught:
        Taxonomy(nodes, "shop.json")
    return str(caught.value)


def test_an_empty_taxonomy_is_refused() -> None:
    assert refused() == "shop.json: the taxonomy is empty"


@pytest.mark.parametrize("name", ["", "   ", "\t\n", "\u00a0", "\u2003"])
def test_a_blank_name_is_refused(name: str) -> None:
    """A name of nothing but white space, of any alphabet, is blank."""
    assert refused(Node("a", name, line=3)) == "shop.json: node 'a' (line 3) has a blank name"


def test_a_blank_id_is_refused() -> None:
    assert refused(Node("  ", "Shoes", line=2)) == "shop.json: the node named 'Shoes' (line 2) has a blank id"


def test_a_duplicate_id_names_both_lines() -> None:
    assert refused(Node("a", "A", line=1), Node("a", "B", line=7)) == (
        "shop.json: duplicate id 'a' (line 1) and again (line 7)"
    )


def test_ids_that_differ_in_white_space_alone_are_duplicates() -> None:
    assert "duplicate id 'a b'" in refused(Node("a b", "A"), Node(" a  b ", "B"))


def test_an_unknown_parent_is_refused() -> None:
    assert refused(Node("a", "A"), Node("b", "B", ("a", "x"), line=4)) == (
        "shop.json: unknown parent: 'x' of 'b' (line 4)"
    )


def test_many_unknown_parents_are_counted_not_listed() -> None:
    nodes = [Node(f"n{i}", f"N{i}", (f"x{i}",)) for i in range(8)]
    message = refused(*nodes)
    assert message.startswith("shop.json: unknown parent: 'x0' of 'n0', 'x1' of 'n1'")
    assert message.endswith("'x4' of 'n4' and 3 more")


def test_a_self_edge_is_refused() -> None:
    assert refused(Node("a", "A", ("a",), line=5)) == "shop.json: a node is its own parent: 'a' (line 5)"


def test_a_cycle_is_named_from_its_first_id_round_to_it_again() -> None:
    ring = [Node("c", "C", ("b",), line=3), Node("a", "A", ("c", "root"), line=1), Node("b", "B", ("a",), line=2)]
    assert refused(Node("root", "Root"), *ring) == (
        "shop.json: cycle: 'a' (line 1) -> 'b' (line 2) -> 'c' (line 3) -> 'a' (line 1)"
    )


def test_a_cycle_of_two() -> None:
    assert refused(Node("a", "A", ("b",)), Node("b", "B", ("a",))) == "shop.json: cycle: 'a' -> 'b' -> 'a'"


def test_a_cycle_of_thousands_does_not_fill_the_screen() -> None:
    ring = [Node(f"n{i}", f"N{i}", (f"n{(i + 1) % 3000}",)) for i in range(3000)]
    assert len(refused(*ring)) < 1000


def test_twin_siblings_under_a_parent() -> None:
    twins = [Node("x", "Boots", ("a",), line=2), Node("y", "Boots", ("a",), line=9)]
    assert refused(Node("a", "Shoes"), *twins) == (
        "shop.json: two siblings named 'Boots' under 'a': 'x' (line 2), 'y' (line 9)"
    )


def test_twin_siblings_that_share_one_parent_of_several() -> None:
    nodes = [Node("a", "A"), Node("b", "B"), Node("x", "Boots", ("a", "b")), Node("y", "Boots", ("b",))]
    assert refused(*nodes) == "shop.json: two siblings named 'Boots' under 'b': 'x', 'y'"


def test_twin_roots_are_refused() -> None:
    assert refused(Node("x", "Shoes"), Node("y", " Shoes ")) == (
        "shop.json: two siblings named 'Shoes' among the roots: 'x', 'y'"
    )


def test_names_that_look_the_same_are_the_same() -> None:
    """A composed and a decomposed accent make twins: Unicode NFC."""
    assert "two siblings named 'caf\u00e9'" in refused(Node("x", "caf\u00e9"), Node("y", "cafe\u0301"))


def test_cousins_may_share_a_name() -> None:
    nodes = [Node("m", "Men"), Node("w", "Women"), Node("ms", "Shoes", ("m",)), Node("ws", "Shoes", ("w",))]
    assert len(Taxonomy(nodes)) == 4


def test_every_refusal_is_a_cladist_error() -> None:
    """Callers catch one root."""
    assert issubclass(TaxonomyError, CladistError)
