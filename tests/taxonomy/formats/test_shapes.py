"""Taxonomies in the shapes of strangers: each kind with its count of nodes and edges, and the doubts that are told."""

import json
from pathlib import Path

import pytest
from fixture_types import Read, Refusal

from taxonomy import Hierarchy, Node, Taxonomy, TaxonomyError, hierarchy
from taxonomy.formats import reading
from taxonomy.formats.tables.workbook import workbook_text

NESTED = {
    "name": "Fruit",
    "KIDS": [{"name": "Apple", "KIDS": [{"name": "Gala", "KIDS": []}]}, {"name": "Pear", "KIDS": []}],
}
FLAT = [("1", "Fruit", None), ("2", "Apple", "1"), ("3", "Gala", "2")]


@pytest.mark.parametrize("key", ["children", "Subtopics", "child_nodes", "kids", "sub-groups", "zweige", "narrower"])
def test_children_by_any_key(read: Read, key: str) -> None:
    """Known words in any case, and an unknown key that recurs."""
    assert counts(read(json.dumps(NESTED).replace("KIDS", key))) == (4, 3)


@pytest.mark.parametrize("parent", ["parent", "ParentID", "parent_category_id", "parentTaxonId", "broader"])
@pytest.mark.parametrize("own", ["id", "UUID", "category_id", "term code", "value"])
@pytest.mark.parametrize("root", [None, "", 0, "null", -1])
def test_parents_by_any_key(read: Read, parent: str, own: str, root: object) -> None:
    rows = [{own: i, "name": name, parent: above or root} for i, name, above in FLAT]
    assert counts(read(json.dumps({"data": {"version": 1, "results": rows}}))) == (3, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Child;Parent\nApple;Fruit\nGala;Apple\n", (3, 2)),
        ("target\tsource\nApple\tFruit\nGala\tApple\n", (3, 2)),
        ("hyponym,hypernym\napple,fruit\npear,fruit\n", (3, 2)),
        ("species,genus,family\nCorvus corax,Corvus,Corvidae\nCorvus corone,Corvus,Corvidae\n", (4, 3)),
        ("uuid;class;order;family;genus;species;common name\na1;aves;;;;;bird\na2;aves;x;y;z;w;wren\n", (5, 4)),
        ("L1 Category,L2 Category\nA,B\nA,C\n", (3, 2)),
        ("Primary Category\tSecondary Category\nA\tB\nA\tC\n", (3, 2)),
        ("masterCategory,subCategory,articleType\nA,B,C\nA,B,D\n", (4, 3)),
        ("Sector Code,Sector,Industry Code,Industry\n1,A,11,B\n1,A,12,C\n", (3, 2)),
        ("1,Pets,,\n2,Pets,Live,\n3,Pets,Supplies,Bird\n", (4, 3)),
        ("Node ID,Node Path\n1,Books\n2,Books/Arts\n", (2, 1)),
        ("path,count\nFruit > Apple,12\nFruit > Pear,7\n", (3, 2)),
        ("category\nFruit\nFruit > Apple\n", (2, 1)),
        ("Animals,Cat2\nPlants,Rose7\n", (4, 2)),
        ('"Fruit > Apple"\n"Fruit > Pear, ripe"\n', (3, 2)),
        ("human.adult\nhuman.child\nvehicle.car\n", (5, 3)),
        ("animal--bird\nanimal--fish\n", (3, 2)),
        ("Food/Drink > Tea\nFood/Drink > Coffee/Cocoa\n", (3, 2)),
        ("Fruit\n\tApple\n\t\t{malus}\n\t\tGala\n\tPear\n", (4, 3)),
        ("# Fruit\n## Apple\n### Gala\n## Pear\n", (4, 3)),
        ("* Fruit\n    * Apple\n* Veg\n", (3, 1)),
        ("Fruit\n├── Apple\n│   └── Gala\n└── Pear\n", (4, 3)),
        ("((Gala:0.1,'Fuji x')Apple:2,Pear)h2007-1;\n", (5, 4)),
        ('digraph { a [label="Fruit"]; a -> {b c}; b -> d -> e }', (5, 4)),
        ("format-version: 1.2\n\n[Term]\nid: X:1\nname: a\n\n[Term]\nid: X:2\nname: b\nis_a: X:1 ! a\n", (2, 1)),
        ('<opml><body><outline text="A"><outline text="B"/></outline></body></opml>', (2, 1)),
        ('<View><Taxonomy name="t"><Choice value="A"><Choice value="B"/></Choice></Taxonomy></View>', (2, 1)),
        ("Fruit:\n  Apple:\n    - Gala\n    - NO\n  Pear:\n", (5, 4)),
        ("- id: 1\n  name: Fruit\n- id: 2\n  name: Apple\n  parent: 1\n", (2, 1)),
        ('{"id":1,"name":"Fruit"}\n{"id":2,"name":"Apple","parent_id":1}\n', (2, 1)),
        ('{"Fruit": ["Apple", "Pear"], "Apple": ["Gala"]}', (4, 3)),
        ('{"1": "Fruit", "2": "Fruit > Apple"}', (2, 1)),
        ('{"categories": [{"id": 1, "name": "person", "supercategory": "person"}]}', (2, 1)),
        (('{"categories": [{"name": "fruits", "supercategory": "none"},'
         '{"name": "a", "supercategory": "fruits"}]}'), (2, 1)),
        ('[{"name":"Men","sub":[{"name":"Shoes"}]},{"name":"Women","sub":[{"name":"Shoes"}]}]', (4, 2)),
        ('[{"kingdom":"A","species":"B"},{"kingdom":"A","species":"C"}]', (3, 2)),
        (("@prefix o: <http://www.w3.org/2002/07/owl#> . @prefix r: <http://www.w3.org/2000/01/rdf-schema#> .\n"
         "<http://x/A> a o:Class . <http://x/B> a o:Class ; r:subClassOf <http://x/A> .\n"), (2, 1)),
        (("@prefix s: <http://www.w3.org/2004/02/skos/core#> . @prefix : <http://x/> .\n"
         ':s a s:ConceptScheme; s:prefLabel "F" . :1 a s:Concept; s:prefLabel "F" . '
          ':2 a s:Concept; s:broader :1 .\n'), (2, 1)),
    ],
)  # fmt: skip
def test_a_shape_and_its_counts(read: Read, text: str, expected: tuple[int, int]) -> None:
    assert counts(read(text)) == expected
    assert counts(read("\ufeff" + text.replace("\n", "\r\n"))) == expected


@pytest.mark.parametrize("text", ["0 apple\n1 pear\n", "airfield 0\nalcove 3\n", "apple\npear\n", "a,1\nb,2\n"])
def test_a_flat_list_is_refused_by_what_was_seen(refusal: Refusal, text: str) -> None:
    assert "; seen: " in refusal(text)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("".join(f"leaf {i},Group\n" for i in range(30)), "read as child, parent"),
        ("names:\n  0: apple\n  1: pear\n", "a list of 2 classes, without a hierarchy"),
        ("A > pay\nA > p\u0430y\n", "siblings whose names look the same"),
        ("A > b\u200bc\n", "invisible, control or text-turning signs"),
        ("A > \u202egpj\n", "invisible, control or text-turning signs"),
        ("A > pay\u200cpal\n", "invisible, control or text-turning signs"),
        ("A > tag\U000e0041\n", "invisible, control or text-turning signs"),
        ("A > blank\u2800\n", "invisible, control or text-turning signs"),
        ("A > pay\nA > \uff50ay\n", "siblings whose names look the same"),
        ("A > pay\nA > pay\u200b\n", "siblings whose names look the same"),
        ("A > \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645\nA > B > C\nA > D\n", None),
        ("A > \U0001f469\u200d\U0001f52c\nA > B > C\nA > D\n", None),
        ("id,name,parent\n1,F\ufffd,\n2,B,1\n", None),
        ("child,parent\nApple,Fruit\n", "parents without an entry of their own became roots: 'Fruit'"),
    ],
)
def test_doubts_are_told(tmp_path: Path, text: str, warning: str | None) -> None:
    (tmp_path / "t").write_text(text, encoding="utf-8")
    found = reading.inspect_taxonomy(tmp_path / "t").warnings
    assert (warning is None and not found) or any(str(warning) in each for each in found)


def test_a_deprecated_leaf_is_no_terminal_unless_it_is_assignable() -> None:
    nodes = [Node("a", "A"), Node("b", "B", ("a",), deprecated=True), Node("c", "C", ("a",))]
    assert Hierarchy.compile(Taxonomy(nodes)).terminals.tolist() == [2]
    nodes[1] = Node("b", "B", ("a",), deprecated=True, assignable=True)
    assert Hierarchy.compile(Taxonomy(nodes)).terminals.tolist() == [1, 2]


def test_a_workbook(tmp_path: Path, read: Read) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["ID", "Name", "Parent ID"], [1, "Fruit", None], [2, "Apple", 1]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    content = (tmp_path / "t.xlsx").read_bytes()
    assert counts(read(content)) == (2, 1)
    with pytest.raises(TaxonomyError, match="not a workbook that can be read"):
        workbook_text(content[:200], "t.xlsx")


def bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        bomb(),
        "a: &a [*a]\n",
        "a:\n" + "".join(f"{' ' * i}b:\n" for i in range(1, 1200)),
        "((" * 3000 + "a" + "))" * 3000 + ";",
    ],
    ids=["aliases", "loop", "deep", "newick"],
)
def test_bombs_are_refused_in_one_line(refusal: Refusal, text: str) -> None:
    assert len(refusal(text)) < 1000


def test_a_dag_with_too_many_ancestors_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred levels of ten nodes, each under two of the level above, where 10,000 ancestors are allowed."""
    monkeypatch.setattr(hierarchy, "MAX_LINEAGE", 10_000)
    nodes = [Node(f"{level}.{i}", f"{level}.{i}", (f"{level - 1}.{i}", f"{level - 1}.{(i + 1) % 10}") if level else ())
             for level in range(100) for i in range(10)]  # fmt: skip
    with pytest.raises(TaxonomyError, match="too deep and wide"):
        Hierarchy.compile(Taxonomy(nodes))


def counts(taxonomy: Taxonomy) -> tuple[int, int]:
    return len(taxonomy), taxonomy.graph.number_of_edges()
