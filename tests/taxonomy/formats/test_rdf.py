"""RDF in its four spellings: triples, named graphs, names in languages, and what is deprecated."""

import json

import pytest
from fixture_types import Read, Refusal

from taxonomy import Hierarchy

_SKOS = "http://www.w3.org/2004/02/skos/core#"
_LABEL, _BROADER, _ALIAS = (f"<{_SKOS}{word}>" for word in ("prefLabel", "broader", "altLabel"))
TRIPLES = f"""# fruit
<http://x/1> {_LABEL} "Fruit"@en .
<http://x/1> {_LABEL} "Obst"@de .
<http://x/2> {_LABEL} "Apple"@en-GB .
<http://x/2> {_LABEL} "\\u00c4pfel"@de .
<http://x/2> {_ALIAS} "Malus"@la .
<http://x/2> {_BROADER} <http://x/1> .
"""
QUADS = f"""<http://x/1> {_LABEL} "Fruit"@en <http://graphs/names> .
<http://x/1> {_LABEL} "Obst"@de <http://graphs/names> .
<http://x/2> {_LABEL} "Apple"@en-GB <http://graphs/names> .
<http://x/2> {_LABEL} "Äpfel"@de <http://graphs/names> .
<http://x/2> {_ALIAS} "Malus"@la .
<http://x/2> {_BROADER} <http://x/1> <http://graphs/tree> .
"""


def concept(node: str, names: dict[str, str], **more: object) -> dict[str, object]:
    return {"@id": f"http://x/{node}", "prefLabel": names, **more}


CONTEXT = {"prefLabel": {"@id": f"{_SKOS}prefLabel", "@container": "@language"}, "broader": {"@id": f"{_SKOS}broader"},
           "altLabel": f"{_SKOS}altLabel"}  # fmt: skip
FRUIT = concept("1", {"en": "Fruit", "de": "Obst"})
APPLE = concept("2", {"en-GB": "Apple", "de": "Äpfel"}, altLabel="Malus")
LINK = {"@id": "http://x/2", "broader": {"@id": "http://x/1"}}
NAMED = {"@context": CONTEXT, "@graph": [{"@id": "http://graphs/names", "@graph": [FRUIT, APPLE]},
                                         {"@id": "http://graphs/tree", "@graph": [LINK]}]}  # fmt: skip
FLAT = {"@context": CONTEXT, "@graph": [FRUIT, {**APPLE, **LINK}]}


@pytest.mark.parametrize("text", [TRIPLES, QUADS, json.dumps(NAMED), json.dumps(FLAT)],
                         ids=["n-triples", "n-quads", "json-ld named graphs", "json-ld"])  # fmt: skip
def test_names_in_languages_are_kept_whatever_graph_they_are_in(read: Read, text: str) -> None:
    """All graphs are one; English is the name, in whatever dialect, and each language stays."""
    found = read(text)
    assert [(node.id, node.name, node.parents, node.aliases, dict(node.names)) for node in found] == [
        ("1", "Fruit", (), (), {"de": "Obst", "en": "Fruit"}),
        ("2", "Apple", ("1",), ("Malus",), {"de": "Äpfel", "en-gb": "Apple"}),
    ]


def test_without_english_the_first_language_names(read: Read) -> None:
    found = read(f'<http://x/1> {_LABEL} "Obst"@de .\n<http://x/1> {_LABEL} "Hedelmä"@fi .\n')
    assert (found["1"].name, dict(found["1"].names)) == ("Obst", {"de": "Obst", "fi": "Hedelmä"})


def test_a_broken_triple_names_its_format(refusal: Refusal) -> None:
    assert "not SKOS or OWL in nquads" in refusal(TRIPLES + f'<http://x/3> {_LABEL} "Pear .\n', "n-triples")


DEPRECATED = [
    (
        f'<http://x/1> {_LABEL} "A" .\n<http://x/2> {_LABEL} "B" .\n<http://x/2> {_BROADER} <http://x/1> .\n'
        f'<http://x/3> {_LABEL} "C" .\n<http://x/3> {_BROADER} <http://x/1> .\n'
        '<http://x/3> <http://www.w3.org/2002/07/owl#deprecated> "true" .\n'
    ),
    "[Term]\nid: 1\nname: A\n\n[Term]\nid: 2\nname: B\nis_a: 1\n\n[Term]\nid: 3\nname: C\nis_a: 1\nis_obsolete: true\n",
    "id,name,parent,deprecated\n1,A,,\n2,B,1,\n3,C,1,true\n",
    '[{"id":1,"name":"A"},{"id":2,"name":"B","parent":1},{"id":3,"name":"C","parent":1,"deprecated":true}]',
]


@pytest.mark.parametrize("text", DEPRECATED, ids=["n-triples", "obo", "csv", "json"])
def test_a_deprecated_leaf_is_no_terminal(read: Read, text: str) -> None:
    hierarchy = Hierarchy.compile(read(text))
    assert [hierarchy.names[node] for node in hierarchy.terminals] == ["B"]


def test_a_deprecated_leaf_is_a_terminal_where_the_file_asks_for_it(read: Read) -> None:
    hierarchy = Hierarchy.compile(read("id,name,parent,deprecated,assignable\n1,A,,,\n2,B,1,,\n3,C,1,true,true\n"))
    assert [hierarchy.names[node] for node in hierarchy.terminals] == ["B", "C"]
