"""Every node of two releases sorted by what became of it, and mapping files that say more."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags

from taxonomy import Node, Taxonomy, TaxonomyError, read_taxonomy
from taxonomy.changes.diff import ChangeKind, diff
from taxonomy.changes.mapping import NodeMapping, read_mapping
from taxonomy.formats.registry import get_format


def tree(spec: Mapping[str, tuple[str, ...]], **names: str) -> Taxonomy:
    """Node id -> parents; names are the ids unless given."""
    return Taxonomy((Node(node, names.get(node, node), parents) for node, parents in spec.items()), "release")


OLD = {"A": (), "B": (), "a": ("A",), "b": ("A",), "c": ("a",), "d": ("B",)}


def kinds(before: Taxonomy, after: Taxonomy, targets: Mapping[str, tuple[str, ...]] | None = None) -> dict[str, str]:
    found = diff(before, after, NodeMapping(targets or {}))
    return {
        change.old or f"+{change.new[0]}": change.kind.value for change in found.changes if change.kind != "unchanged"
    }


def test_equal_releases_have_no_change() -> None:
    found = diff(tree(OLD), tree(OLD))
    assert set(found.of_old) == set(OLD)
    assert found.counts[ChangeKind.UNCHANGED] == len(OLD)
    assert sum(found.counts.values()) == len(OLD)


def test_changes_are_told_by_id() -> None:
    """Renamed, moved, both, removed, added; a child of a renamed or moved node stays what it was."""
    after = {"A": (), "B": (), "a": ("B",), "b": ("B",), "c": ("a",), "n": ("A",)}
    assert kinds(tree(OLD), tree(after, A="Alpha", b="beta")) == {
        "A": "renamed", "a": "moved", "b": "renamed_and_moved", "d": "removed", "+n": "added"}  # fmt: skip


def test_a_removed_parent_moves_its_children() -> None:
    after = {"A": (), "B": (), "b": ("A",), "c": ("A",), "d": ("B",)}
    assert kinds(tree(OLD), tree(after)) == {"a": "removed", "c": "moved"}


def test_replacement_and_deprecation_merge() -> None:
    """A node that is gone, or deprecated, and says what replaced it merges into that; the survivor stays unchanged."""
    before = Taxonomy(
        [Node("A", "A"), Node("x", "X", ("A",), replaced_by="y"), Node("y", "Y", ("A",)), Node("z", "Z", ("A",))]
    )
    after = Taxonomy([Node("A", "A"), Node("y", "Y", ("A",)), Node("z", "Z", ("A",), deprecated=True, replaced_by="y")])
    assert kinds(before, after) == {"x": "merged", "z": "merged"}
    assert diff(before, after).carriers == {"A": "A", "x": "y", "y": "y", "z": "y"}


def test_a_mapping_merges_splits_and_removes() -> None:
    """Into an existing node, into a new one, into several, into nothing, though its id is still there."""
    after = {"A": (), "B": (), "ab": ("A",), "c": ("ab",), "d1": ("B",), "d2": ("B",)}
    found = diff(tree(OLD), tree(after), NodeMapping({"a": ("ab",), "b": ("ab",), "d": ("d1", "d2"), "c": ()}))
    assert {change.old: change.kind.value for change in found.changes if change.old} == {
        "A": "unchanged", "B": "unchanged", "a": "merged", "b": "merged", "c": "removed", "d": "split"}  # fmt: skip
    assert found.carriers == {"A": "A", "B": "B", "a": "ab", "b": "ab", "c": "ab", "d": "B"}
    assert found.counts[ChangeKind.ADDED] == 0


def test_other_ids_are_matched_by_alias_name_and_place() -> None:
    """With a certainty of less than one; two equal candidates match nothing."""
    before = Taxonomy([Node("1", "Shop"), Node("2", "Tents", ("1",)), Node("3", "Boots", ("1",)),
                       Node("4", "Misc", ("1",)), Node("5", "Gear", ("2",))])  # fmt: skip
    after = Taxonomy([Node("s", "Shop"), Node("t", "Camping tents", ("s",), aliases=("tents",)),
                      Node("b", "BOOTS", ("s",)), Node("g", "Gear", ("t",)), Node("m", "Other", ("s",))])  # fmt: skip
    found = diff(before, after).of_old
    assert {old: (change.kind.value, change.by, change.certainty) for old, change in found.items() if change.new} == {
        "1": ("unchanged", "name and place", 0.8),
        "2": ("renamed", "alias", 0.9),
        "3": ("renamed", "name and place", 0.8),
        "5": ("unchanged", "name and place", 0.8),
    }
    assert found["4"].kind is ChangeKind.REMOVED


def test_a_name_alone_needs_surroundings() -> None:
    """The only node of a name, under other parents, matches where a child says so too."""
    before = Taxonomy(
        [
            Node("A", "A"),
            Node("B", "B"),
            Node("1", "Hats", ("A",)),
            Node("k", "Caps", ("1",)),
            Node("2", "Bags", ("A",)),
        ]
    )
    after = Taxonomy(
        [
            Node("A", "A"),
            Node("B", "B"),
            Node("h", "Hats", ("B",)),
            Node("k", "Caps", ("h",)),
            Node("g", "Bags", ("B",)),
        ]
    )
    found = diff(before, after).of_old
    assert (found["1"].kind, found["1"].by, found["1"].new) == (ChangeKind.MOVED, "name", ("h",))
    assert found["2"].kind is ChangeKind.REMOVED


def without_ids(text: str) -> Taxonomy:
    """A taxonomy of path lines, whose ids are the paths: all of them change with a name above."""
    return get_format("path-lines").parse(text, "lines")


SHOP = "Shop > Tents > Dome\nShop > Tents > Tunnel\nShop > Boots > Winter\nShop > Boots > Summer\nShop > Gift\n"


def test_without_ids_a_renamed_middle_keeps_what_is_below() -> None:
    """Tents is recognised by what it holds, 0.7 certain; its children by name and place, and nothing is lost."""
    found = diff(without_ids(SHOP), without_ids(SHOP.replace("Tents", "Shelters"))).of_old
    assert {old: (c.kind.value, c.new, c.by, c.certainty) for old, c in found.items() if c.by != "id"} == {
        "Shop > Tents": ("renamed", ("Shop > Shelters",), "content", 0.7),
        "Shop > Tents > Dome": ("unchanged", ("Shop > Shelters > Dome",), "name and place", 0.8),
        "Shop > Tents > Tunnel": ("unchanged", ("Shop > Shelters > Tunnel",), "name and place", 0.8),
    }


@pytest.mark.parametrize("root", ["All", "Boots", "Gift"])
def test_without_ids_a_root_put_above_all_loses_nothing(root: str) -> None:
    """Whatever it is called; every old node is found again under it, the certainty that of a guess."""
    before = without_ids(SHOP)
    after = without_ids("".join(f"{root} > {line}\n" for line in SHOP.splitlines()))
    found = diff(before, after)
    assert found.counts[ChangeKind.REMOVED] == 0
    became = {old: found.target(old) for old in found.of_old}
    assert became == {node.id: f"{root} > {node.id}" for node in before}
    assert all(0.6 <= change.certainty <= 0.9 for change in found.of_old.values() if change.by != "id")
    assert [change.new for change in found.changes if change.kind is ChangeKind.ADDED] == [(root,)]


def test_without_ids_both_at_once() -> None:
    """A root above all and a renamed middle."""
    after = "".join(f"All > {line.replace('Tents', 'Shelters')}\n" for line in SHOP.splitlines())
    found = diff(without_ids(SHOP), without_ids(after))
    assert found.target("Shop > Tents > Dome") == "All > Shop > Shelters > Dome"
    assert found.target("Shop > Tents") == "All > Shop > Shelters"
    assert found.counts[ChangeKind.REMOVED] == 0


def test_without_ids_two_that_hold_the_same_are_no_match() -> None:
    """Men's and women's shoes, both renamed: which is which is not guessed."""
    before = without_ids("Men > Shoes\nMen > Hats\nWomen > Shoes\nWomen > Hats\n")
    after = without_ids("Herren > Shoes\nHerren > Hats\nDamen > Shoes\nDamen > Hats\n")
    found = diff(before, after)
    assert found.counts[ChangeKind.REMOVED] == len(before)


@given(dags(), dags(), st.data())
def test_every_node_is_sorted_once(before: Taxonomy, after: Taxonomy, data: st.DataObject) -> None:
    """Old nodes once each, new ones reached or added, carriers are new nodes."""
    old_ids, new_ids = [node.id for node in before], [node.id for node in after]
    targets = data.draw(
        st.dictionaries(
            st.sampled_from(old_ids), st.lists(st.sampled_from(new_ids), max_size=3, unique=True).map(tuple)
        )
    )
    found = diff(before, after, NodeMapping(targets))
    assert sorted(change.old for change in found.changes if change.old is not None) == sorted(old_ids)
    reached = {new for change in found.changes if change.old is not None for new in change.new}
    added = [change.new[0] for change in found.changes if change.kind is ChangeKind.ADDED]
    assert {*reached, *added} | set(old_ids) >= set(new_ids)
    assert not {*reached} & {*added}
    assert set(found.carriers.values()) <= {*new_ids, None}


def test_iab_from_2_2_to_3_0(taxonomies: Path) -> None:
    """512 removed, 19 added, 28 renamed and 38 with another parent, 18 of them both."""
    found = diff(read_taxonomy(taxonomies / "iab_content_2.2.tsv"), read_taxonomy(taxonomies / "iab_content_3.0.tsv"))
    assert {kind.value: count for kind, count in found.counts.items()} == {
        "unchanged": 636, "renamed": 10, "moved": 20, "renamed_and_moved": 18, "merged": 0, "split": 0, "removed": 512,
        "added": 19}  # fmt: skip


def test_google_against_itself_is_quick(taxonomies: Path) -> None:
    """5,595 nodes whose ids all changed are matched by name and place."""
    google = read_taxonomy(taxonomies / "google_product.txt")
    other = Taxonomy(Node(f"x{n.id}", n.name, tuple(f"x{parent}" for parent in n.parents)) for n in google)
    assert diff(google, other).counts[ChangeKind.UNCHANGED] == len(google)


SHOPIFY_YAML = """---
input_taxonomy: shopify/2025-09
output_taxonomy: shopify/2025-12
rules:
- input:
    product_category_id: a
  output:
    product_category_id:
    - ab
- input:
    product_category_id: d
  output:
    product_category_id:
    - d1
    - d2
"""
SHOPIFY_JSON = {
    "version": "x",
    "mappings": [
        {
            "rules": [
                {"input": {"category": {"id": "gid://shop/Category/a", "full_name": "A > a"}},
                 "output": {"category": [{"id": "ab", "full_name": "A > ab"}]}},
                {"input": {"category": {"id": "d"}}, "output": {"category": [{"id": "d1"}, {"id": "d2"}]}},
            ]
        }
    ],
}  # fmt: skip
AFTER = {"A": (), "B": (), "ab": ("A",), "d1": ("B",), "d2": ("B",)}


@pytest.mark.parametrize(
    "text",
    [
        SHOPIFY_YAML,
        json.dumps(SHOPIFY_JSON),
        '[{"from": "a", "to": "ab"}, {"from": "d", "to": ["d1", "d2"]}]',
        '{"a": "ab", "d": ["d1", "d2"]}',
        "from,to\na,ab\nd,d1\nd,d2\n",
        "from,to\nA > a,A > ab\nB > d,B > d1\nB > d,B > d2\n",
        "2.1 Unique ID\t2.1 Category\t3.0 Unique ID\t3.0 Category\na\tx\tab\ty\nd\tx\td1\ty\nd\tx\td2\ty\n",
        "New Taxonomy ID\tOLD RTB ID\tOLD SUBJECT\nab\ta\tx\nd1\td\tx\nd2\td\tx\n",
    ],
)  # fmt: skip
def test_one_mapping_in_many_forms(tmp_path: Path, text: str) -> None:
    (tmp_path / "mapping").write_text(text)
    found = read_mapping(tmp_path / "mapping", tree(OLD), tree(AFTER))
    assert found == NodeMapping({"a": ("ab",), "d": ("d1", "d2")})


def test_a_blank_or_null_new_side_removes(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("from,to\na,\n")
    (tmp_path / "m.json").write_text('{"a": null}')
    for name in ("m.csv", "m.json"):
        assert read_mapping(tmp_path / name, tree(OLD), tree(AFTER)) == NodeMapping({"a": ()})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("from,to\na,ab\nzz,ab\n", "line 3: 'zz' is neither an id nor a path"),
        ("from,to\na,zz\n", "line 2: 'zz' is neither an id nor a path"),
        ("x,y\na,ab\n", "line 1: expected a header with the columns from and to"),
        ("from,to\n", "maps no node"),
        ('[{"from": "a"}]', "entry 1: lacks 'to' or 'new'"),
        ('[{"from": ["a", "b"], "to": "ab"}]', "entry 1: expected one old node, found 2"),
        ('[{"from": "a", "to": true}]', "entry 1: True is no id"),
        ("[3]", "entry 1: 3 is no object"),
        ("rules:\n- input: [\n", "line 3: not YAML"),
        ('{"a": ', "line 1: not JSON"),
    ],
)
def test_bad_mappings_name_the_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mapping").write_text(text)
    with pytest.raises(TaxonomyError) as caught:
        read_mapping(tmp_path / "mapping", tree(OLD), tree(AFTER))
    assert str(caught.value).startswith(f"{tmp_path / 'mapping'}: {message}")


@given(text=st.one_of(st.text(max_size=80), st.text(alphabet='[]{}":,ab\nfromtules-_ &*!', max_size=80)))
def test_any_text_is_a_mapping_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("m") / "mapping"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        assert read_mapping(path, tree(OLD), tree(AFTER)).targets
    except TaxonomyError as error:
        assert "\n" not in str(error)  # noqa: PT017 (either outcome is right; any other error fails the test)


MAPPINGS = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.sampled_from("abcd"), max_size=3, unique=True).map(tuple), max_size=4
).map(NodeMapping)


@given(MAPPINGS, MAPPINGS, MAPPINGS)
def test_composing_is_associative(first: NodeMapping, second: NodeMapping, third: NodeMapping) -> None:
    left, right = first.then(second).then(third), first.then(second.then(third))
    for node in "abcd":
        assert set(left.targets.get(node, (node,))) == set(right.targets.get(node, (node,)))


def test_composing_goes_over_versions() -> None:
    """A to B to C: through splits and merges, and what only one of the two speaks of."""
    ab = NodeMapping({"a": ("x", "y"), "b": ("x",), "c": ()})
    bc = NodeMapping({"x": ("z",), "y": ("z",), "k": ("l",)})
    assert ab.then(bc) == NodeMapping({"a": ("z",), "b": ("z",), "c": (), "x": ("z",), "y": ("z",), "k": ("l",)})
