"""Taxonomy formats: what each reads, that what is written comes back, and formats of somebody else."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from entry_points import install
from fixture_types import Read, Refusal
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags

from taxonomy import Node, Taxonomy, TaxonomyError, read_taxonomy, release
from taxonomy.formats import registry
from taxonomy.formats.reading import write_taxonomy
from taxonomy.formats.registry import get_format

PETS = Taxonomy([Node("1", "Animals"), Node("2", "Cats", ("1",)), Node("3", "Dogs", ("1",)), Node("4", "Toys")])
BY_PATH = [("Animals", ()), ("Animals > Cats", ("Animals",)), ("Animals > Dogs", ("Animals",)), ("Toys", ())]
SKOS = "@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix : <http://x.org/v#> .\n"


def edges(taxonomy: Taxonomy) -> list[tuple[str, tuple[str, ...]]]:
    return [(node.id, node.parents) for node in taxonomy]


@pytest.mark.parametrize(
    "text",
    [
        "1\tAnimals\n2\tAnimals > Cats\n3\tAnimals > Dogs\n4\tToys\n",
        "1,Animals\n2,Animals > Cats\n3,Animals > Dogs\n4,Toys\n",
        "1 : Animals\n2 : Animals > Cats\n3 : Animals > Dogs\n4 : Toys\n",
        "Animals\t1\nAnimals > Cats\t2\nAnimals > Dogs\t3\nToys\t4\n",
        "Animals,1\nAnimals > Cats,2\nAnimals > Dogs,3\nToys,4\n",
        "Animals (1)\nAnimals > Cats (2)\nAnimals > Dogs (3)\nToys (4)\n",
        "1 - Animals\n2 - Animals/Cats\n3 - Animals/Dogs\n4 - Toys\n",
        "id,parent,name\n1,,Animals\n2,1,Cats\n3,1,Dogs\n4,,Toys\n",
        "name;parent_id;Unique ID\nAnimals;;1\nCats;1;2\nDogs;1;3\nToys;;4\n",
        "A title\t\t\nUnique ID\tParent\tName\n1\t\tAnimals\n2\t1\tCats\n3\t1\tDogs\n4\t\tToys\n",
        '[{"id":1,"name":"Animals","child_ids":["2",3]},{"id":2,"name":"Cats"},{"id":3,"name":"Dogs"},{"id":4,"name":"Toys"}]',
        '{"1":{"name":"Animals"},"2":{"name":"Cats","parent":1},"3":{"name":"Dogs","parent":"1"},"4":{"name":"Toys"}}',
        '[{"id":"1","name":"Animals","children":[{"id":"2","name":"Cats"},{"id":"3","name":"Dogs"}]},{"id":"4","name":"Toys"}]',
        SKOS + ':1 a skos:Concept; skos:prefLabel "Animals"@en; skos:narrower :2, :3. :2 skos:prefLabel "Cats"@en .\n'
        ':3 skos:prefLabel "Dogs"@en . :4 a skos:Concept ; skos:prefLabel "Toys"@en .\n',
    ],
)  # fmt: skip
def test_one_taxonomy_in_many_forms(read: Read, text: str) -> None:
    """Detected by content, ids kept."""
    found = read(text)
    assert [(n.id, n.name, n.parents) for n in found] == [(n.id, n.name, n.parents) for n in PETS]


@pytest.mark.parametrize(
    "text",
    [
        "Animals/Cats\nAnimals/Dogs\nToys\n",
        "Animals | Cats\nAnimals | Dogs\nToys\n",
        "Animals::Cats\nAnimals::Dogs\nToys\n",
        "Animals»Cats\nAnimals»Dogs\nToys\n",
        "Animals>Cats\nAnimals>Dogs\nToys\n",
        "Tier 1,Tier 2\nAnimals,Cats\nAnimals,Dogs\nToys,\n",
        "level_1\tlevel_2\nAnimals\t\n\tCats\n\tDogs\nToys\t\n",
        '{"Animals": {"Cats": {}, "Dogs": null}, "Toys": []}',
        '{"Animals": ["Cats", "Dogs"], "Toys": []}',
    ],
)
def test_trees_known_by_their_paths(read: Read, text: str) -> None:
    assert edges(read(text)) == BY_PATH


@pytest.mark.parametrize(
    "text", ["a b\nb c\na c\n", "a\tb\nb\tc\na\tc\n", "parent,child\na,b\nb,c\na,c\n", "a,b\nb,c\na,c\n"]
)
def test_edge_lists_are_read(read: Read, text: str) -> None:
    """Parent, child; several parents."""
    assert edges(read(text)) == [("a", ()), ("b", ("a",)), ("c", ("a", "b"))]


def test_several_parents_of_a_row(read: Read) -> None:
    """In one cell, or by rows that repeat the node."""
    joined = read("id,name,parents\na,A,\nb,B,\nc,C,a|b\n")
    assert joined["c"].parents == ("a", "b")
    assert read("id,name,parents\na,A,\nb,B,\nc,C,a\nc,C,b\n") == joined
    assert read("id,name,parents\na,A,\nb,B,\nc,C,a;b\n") == joined


def test_open_images_with_parts(read: Read) -> None:
    """Entries of one name are one node; a part is no child, and nothing spreads along it."""
    text = {
        "LabelName": "/m/0",
        "Subcategory": [
            {"LabelName": "/m/car", "Part": [{"LabelName": "/m/wheel"}]},
            {"LabelName": "/m/vehicle", "Subcategory": [{"LabelName": "/m/car"}]},
        ],
    }
    found = read(json.dumps(text))
    assert found["/m/car"].parents == ("/m/0", "/m/vehicle")
    assert found["/m/wheel"].parents == ()
    assert found["/m/wheel"].part_of == ("/m/car",)
    assert not found.graph.has_edge("/m/car", "/m/wheel")


def test_entries_of_one_name_that_differ_are_known_by_their_paths(read: Read) -> None:
    """No path is made up: men's shoes have no heels."""
    men = {"name": "Men", "children": [{"name": "Shoes", "children": [{"name": "Boots"}]}]}
    women = {"name": "Women", "children": [{"name": "Shoes", "children": [{"name": "Heels"}]}]}
    found = read(json.dumps([men, women]))
    assert [node.id for node in found.leaves] == ["Men > Shoes > Boots", "Women > Shoes > Heels"]


def test_shopify_lines_and_categories(read: Read) -> None:
    """Ids without a digit before ` : `; verticals of categories that name their parent and children."""
    lines = "# Shopify\ngid://s/C/ap : Animals\ngid://s/C/ap-1 : Animals > Cats\n"
    assert edges(read(lines)) == [("gid://s/C/ap", ()), ("gid://s/C/ap-1", ("gid://s/C/ap",))]
    cats = {"id": "ap-1", "name": "Cats", "parent_id": "ap", "children": []}
    top = {"id": "ap", "name": "Animals", "parent_id": None, "children": [{"id": "ap-1", "name": "Cats"}]}
    assert edges(read(json.dumps({"version": "1", "verticals": [{"categories": [top, cats]}]}))) == [
        ("ap", ()),
        ("ap-1", ("ap",)),
    ]


def test_exports_that_write_nought_for_no_parent(read: Read) -> None:
    assert edges(read("id,name,parent_id\n1,A,0\n2,B,1\n3,C,NULL\n")) == [("1", ()), ("2", ("1",)), ("3", ())]


def test_ids_that_look_like_lists_come_back(read: Read) -> None:
    """Parents a and b, where there is a node `a|b` as well, and a node called 0."""
    nodes = [
        Node("a", "A"),
        Node("b", "B"),
        Node("a|b", "AB"),
        Node("0", "Zero"),
        Node("c", "C", ("a", "b")),
        Node("d", "D", ("0",)),
    ]
    assert read(write_taxonomy(Taxonomy(nodes), "csv")) == Taxonomy(nodes)


def test_a_folder_of_images(tmp_path: Path) -> None:
    """Folders are nodes; hidden ones and links are passed over; one with images and folders is assignable."""
    for name in ("pets/cats/1.jpg", "pets/dogs/1.png", "pets/2.JPG", "toys/readme.txt", ".git/x/1.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "elsewhere").symlink_to("/etc")
    found = read_taxonomy(tmp_path)
    assert [node.id for node in found] == ["pets", "pets > cats", "pets > dogs", "toys"]
    assert [node.id for node in found if node.assignable] == ["pets"]


def test_skos_words_become_fields(read: Read) -> None:
    """Labels by language, aliases, notation, definition, deprecation and replacement."""
    found = read(
        SKOS + "@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix dcterms: <http://purl.org/dc/terms/> .\n"
        ':x skos:notation "7"; skos:prefLabel "Car"@en, "Auto"@de; skos:altLabel "Motorcar"; skos:broader :v;\n'
        'skos:definition "Four wheels"; owl:deprecated true; dcterms:isReplacedBy :v .\n'
        ':v skos:prefLabel "Vehicle"@en .\n'
    )
    car = found["7"]
    assert (car.name, dict(car.names), car.aliases) == ("Car", {"de": "Auto", "en": "Car"}, ("Motorcar",))
    assert (car.description, car.deprecated, car.replaced_by, car.parents) == ("Four wheels", True, "v", ("v",))


def test_rdf_xml_and_json_ld(read: Read) -> None:
    xml = (
        '<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:skos="http://www.w3.org/2004/02/skos/core#"><skos:Concept rdf:about="http://x/a">'
        '<skos:prefLabel xml:lang="en">A</skos:prefLabel></skos:Concept><skos:Concept rdf:about="http://x/b">'
        '<skos:prefLabel xml:lang="en">B</skos:prefLabel><skos:broader rdf:resource="http://x/a"/></skos:Concept></rdf:RDF>'
    )
    linked = {
        "@context": {"skos": "http://www.w3.org/2004/02/skos/core#"},
        "@graph": [
            {"@id": "http://x/a", "@type": "skos:Concept", "skos:prefLabel": {"@value": "A", "@language": "en"}},
            {"@id": "http://x/b", "@type": "skos:Concept", "skos:prefLabel": {"@value": "B", "@language": "en"},
             "skos:broader": {"@id": "http://x/a"}},
        ],
    }  # fmt: skip
    assert edges(read(xml)) == [("a", ()), ("b", ("a",))] == edges(read(json.dumps(linked)))
    assert read(xml) == read(json.dumps(linked))


WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Co", "Cn"), exclude_characters="\ufeff\u2028\u2029"), min_size=1
).filter(lambda text: bool(text.strip()))


@st.composite
def rich(draw: st.DrawFn) -> Taxonomy:
    """A DAG whose nodes carry everything a node can, in all letters."""
    plain = draw(dags(max_nodes=8))
    ids = {node.id: f"{draw(WORDS)} {number}" for number, node in enumerate(plain)}
    return Taxonomy(
        Node(
            ids[node.id],
            f"{draw(WORDS)} {ids[node.id]}",
            tuple(ids[parent] for parent in node.parents),
            aliases=tuple(draw(st.lists(WORDS, max_size=2))),
            names=draw(st.dictionaries(st.sampled_from(["de", "fr", "pt-br"]), WORDS.map(str.strip), max_size=2)),
            description=draw(st.sampled_from(["", "Plain", ' A "quoted",\r\nlong: text | with; signs '])),
            assignable=node.assignable,
            deprecated=draw(st.booleans()),
            replaced_by=draw(st.sampled_from([None, *ids.values()])),
            part_of=tuple(draw(st.lists(st.sampled_from(sorted(ids.values())), max_size=2))),
        )
        for node in plain
    )


@pytest.mark.parametrize("form", ["canonical-json", "csv", "skos-turtle"])
@given(taxonomy=rich())
def test_what_goes_out_comes_back_as_the_same_release(form: str, taxonomy: Taxonomy) -> None:
    text = write_taxonomy(taxonomy, form)
    assert release(get_format(form).parse(text, "again")) == release(taxonomy)
    assert get_format(form).detect(text)


def test_pictures_of_a_taxonomy_escape_names() -> None:
    """HTML and DOT hold every node, and no name breaks out of them."""
    hostile = Taxonomy([Node('a"b', "<script>alert(1)</script>"), Node("c", 'C "quoted" \\ back', ('a"b',))])
    page, dot = write_taxonomy(hostile, "html"), write_taxonomy(hostile, "graphviz")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "http" not in page
    assert '"a\\"b" -> "c"' in dot


def test_thirty_thousand_nodes_come_through(tmp_path: Path) -> None:
    """A DAG of 30,000 nodes and 42,000 edges, as CSV and as one page."""
    nodes = [Node("0", "n0")]
    nodes += [
        Node(str(i), f"n{i}", tuple({str(i // 3), str(i // 2)} if i % 5 < 2 else {str(i // 3)}))
        for i in range(1, 30_000)
    ]
    taxonomy = Taxonomy(nodes)
    (tmp_path / "big.csv").write_text(write_taxonomy(taxonomy, "csv"))
    assert read_taxonomy(tmp_path / "big.csv") == taxonomy
    assert write_taxonomy(taxonomy, "html").count("<li ") >= 30_000


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """plugin("module:ATTRIBUTE") installs a format named shouting until the test ends."""

    def install_format(value: str) -> None:
        install(tmp_path, monkeypatch, registry.ENTRY_POINTS, f"shouting = {value}")
        registry._plugins.cache_clear()

    yield install_format
    monkeypatch.undo()
    registry._plugins.cache_clear()


def test_a_format_of_somebody_else(read: Read, plugin: Callable[[str], None]) -> None:
    """An entry point is found by its name and by content."""
    plugin("outside_formats:SHOUTING")
    assert [node.id for node in read("SHOUT A B")] == ["A", "B"]
    assert [node.id for node in read("SHOUT A B", "shouting")] == ["A", "B"]


def test_a_format_that_cannot_be_loaded(tmp_path: Path, plugin: Callable[[str], None]) -> None:
    """One error that names it."""
    plugin("nowhere_at_all:FORMAT")
    (tmp_path / "a").write_text("A > B")
    with pytest.raises(TaxonomyError, match="'shouting' of nowhere_at_all:FORMAT cannot be loaded"):
        read_taxonomy(tmp_path / "a", "shouting")
    assert "A > B" in read_taxonomy(tmp_path / "a")  # and it stands in nobody's way


def test_a_format_that_fails(read: Read, refusal: Refusal, plugin: Callable[[str], None]) -> None:
    """Its own errors come as one line, and its detection stops no other format."""
    plugin("outside_formats:FAILING")
    assert len(read("A > B")) == 2
    assert refusal("A > B", "shouting") == "the format 'shouting' failed: out of luck"
