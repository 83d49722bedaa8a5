"""Canonical JSON and the release: the same content has the same name, whatever it came from."""

import hashlib
import json
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags

from taxonomy import Node, Taxonomy, canonical_json, release
from taxonomy.formats import canonical

FULL = Node(
    "boots",
    "Boots",
    ("shoes",),
    aliases=("Wellies", "Galoshes"),
    names={"fr": "Bottes", "de": "Stiefel"},
    description="High shoes.",
    assignable=True,
    deprecated=True,
    replaced_by="shoes",
)


def test_the_release_is_the_hash_of_the_canonical_json() -> None:
    taxonomy = Taxonomy([Node("shoes", "Shoes"), FULL])
    assert release(taxonomy) == hashlib.sha256(canonical_json(taxonomy).encode()).hexdigest()


def test_the_canonical_json_in_full() -> None:
    """Keys and nodes in order, defaults left out, no white space: this text names releases and may never change."""
    assert canonical_json(Taxonomy([Node("shoes", "Shoes"), FULL])) == (
        '{"format":"cladist-taxonomy/1","nodes":[{"aliases":["Galoshes","Wellies"],"assignable":true,"deprecated":true,'
        '"description":"High shoes.","id":"boots","name":"Boots","names":{"de":"Stiefel","fr":"Bottes"},'
        '"parents":["shoes"],"replaced_by":"shoes"},{"id":"shoes","name":"Shoes"}]}'
    )


def test_every_field_survives_the_round_trip() -> None:
    taxonomy = Taxonomy([Node("shoes", "Shoes"), FULL])
    again = canonical.parse(canonical_json(taxonomy), "again")
    assert again == taxonomy
    assert again["boots"] == FULL
    assert release(again) == release(taxonomy)


@given(dags())
def test_any_taxonomy_survives_the_round_trip(taxonomy: Taxonomy) -> None:
    again = canonical.parse(canonical_json(taxonomy), "again")
    assert again == taxonomy
    assert canonical_json(again) == canonical_json(taxonomy)


@given(dags(), st.randoms(use_true_random=False))
def test_the_order_of_nodes_does_not_matter(taxonomy: Taxonomy, random: Random) -> None:
    nodes = list(taxonomy)
    random.shuffle(nodes)
    assert release(Taxonomy(nodes)) == release(taxonomy)


def test_the_order_of_keys_parents_and_aliases_does_not_matter() -> None:
    one = Node("c", "C", ("a", "b"), ("x", "y"), {"de": "D", "fr": "F"})
    other = Node("c", "C", ("b", "a"), ("y", "x"), {"fr": "F", "de": "D"})
    above = [Node("a", "A"), Node("b", "B")]
    assert release(Taxonomy([*above, one])) == release(Taxonomy([*above, other]))


def test_every_field_is_part_of_the_release() -> None:
    """Changing any one field of a node changes the release."""
    base: dict[str, Any] = {"id": "a", "name": "A"}
    changes: list[dict[str, Any]] = [
        {},
        {"id": "b"},
        {"name": "B"},
        {"aliases": ("x",)},
        {"names": {"de": "x"}},
        {"description": "x"},
        {"assignable": True},
        {"deprecated": True},
        {"replaced_by": "x"},
    ]
    releases = {release(Taxonomy([Node(**{**base, **change})])) for change in changes}
    assert len(releases) == len(changes)


def test_the_same_release_from_every_format(read: Callable[..., Taxonomy]) -> None:
    """Path lines, a labels.csv and canonical JSON of one tree."""
    lines = read("Clothing > Shoes > Boots\nToys\nClothing > Hats\n")
    labels = read("image,path,split\n1.jpg,Toys,train\n2.jpg,Clothing > Hats,val\n3.jpg,Clothing > Shoes > Boots,\n")
    canon = read(canonical_json(lines))
    pretty = read(json.dumps(json.loads(canonical_json(lines)), indent=2))
    assert {release(taxonomy) for taxonomy in (lines, labels, canon, pretty)} == {release(lines)}
    assert [node.id for node in lines] == [
        "Clothing",
        "Clothing > Hats",
        "Clothing > Shoes",
        "Clothing > Shoes > Boots",
        "Toys",
    ]


def test_an_accent_is_the_same_however_it_is_written() -> None:
    assert release(Taxonomy([Node("a", "caf\u00e9")])) == release(Taxonomy([Node("a", "cafe\u0301")]))
