"""Files as strangers have them, in their own words and orders: what a person would expect of each."""

from io import BytesIO

import openpyxl
import pytest
from fixture_types import Read, Refusal

from taxonomy import Taxonomy

FILES = {
    "parent then child reversed words": ("Parent Category,Sub Category\nFruit,Apple\nFruit,Pear\n", (3, 2)),
    "index column pandas": (",name,parent\n0,Fruit,\n1,Apple,Fruit\n2,Gala,Apple\n", (3, 2)),
    "index column levels pandas": (",level_0,level_1\n0,Fruit,Apple\n1,Fruit,Pear\n", (3, 2)),
    "rank column": (
        ("taxonID,scientificName,taxonRank,parentNameUsageID\n1,Aves,class,\n2,Corvidae,family,1\n3,Corvus,genus,2\n"),
        (3, 2),
    ),
    "id name rank parent": ("id\tname\trank\tparent_id\n1\tAves\tclass\t0\n2\tCorvus\tgenus\t1\n", (2, 1)),
    "camera trap no header": (
        (
            "a1b2c3d4-0000;mammalia;;;;;mammal\n"
            "a1b2c3d4-0001;mammalia;carnivora;felidae;felis;catus;domestic cat\n"
            "a1b2c3d4-0002;mammalia;carnivora;felidae;;;cat family\n"
        ),
        (5, 4),
    ),
    "camera trap binomial": (
        (
            "uuid;class;order;family;genus;species;common name\n"
            "x1;aves;passeriformes;corvidae;corvus;corax;raven\n"
            "x2;aves;passeriformes;corvidae;pica;pica;magpie\n"
        ),
        (7, 6),
    ),
    "dwc occurrence": (
        (
            "occurrenceID\tkingdom\tphylum\tclass\torder\tfamily\tgenus\tscientificName\n"
            "o1\tAnimalia\tChordata\tAves\tPasseriformes\tCorvidae\tCorvus\tCorvus corax\n"
            "o2\tAnimalia\tChordata\tAves\tPasseriformes\tCorvidae\tCorvus\tCorvus corone\n"
        ),
        (8, 7),
    ),
    "L1 category w/ code": ("L1 Code,L1 Category,L2 Code,L2 Category\n10,Food,1010,Bread\n10,Food,1020,Milk\n", (3, 2)),
    "Level1 Level2 Level3": ("Level1;Level2;Level3\nFood;Bread;Rye\nFood;Bread;White\nFood;Milk;\n", (5, 4)),
    "lvl1_name": ("lvl1_id,lvl1_name,lvl2_id,lvl2_name\n1,Food,11,Bread\n1,Food,12,Milk\n", (3, 2)),
    "coco super": (
        (
            '{"info":{},"images":[],"annotations":[],"categories":[{"supercategory":"animal","id":17,"name":'
            '"cat"},{"supercategory":"animal","id":18,"name":"dog"},{"supercategory":"vehicle","id":2,"name"'
            ':"car"}]}'
        ),
        (5, 3),
    ),
    "jsonl children": (
        ('{"name":"Fruit","children":["Apple","Pear"]}\n{"name":"Apple","children":["Gala"]}\n'),
        (4, 3),
    ),
    "jsonl path": ('{"id":1,"path":"Fruit > Apple"}\n{"id":2,"path":"Fruit > Pear"}\n', (3, 2)),
    "yaml nested list": ("- Fruit:\n    - Apple:\n        - Gala\n    - Pear\n- Veg\n", (5, 3)),
    "yaml children": (
        ("name: Fruit\nchildren:\n  - name: Apple\n    children:\n      - name: Gala\n  - name: Pear\n"),
        (4, 3),
    ),
    "yaml categories": (
        ("categories:\n  - id: fruit\n    label: Fruit\n  - id: apple\n    label: Apple\n    parent: fruit\n"),
        (2, 1),
    ),
    "obo obsolete": (
        (
            "format-version: 1.2\n"
            "ontology: x\n"
            "\n"
            "[Term]\n"
            "id: X:1\n"
            "name: fruit\n"
            "\n"
            "[Term]\n"
            "id: X:2\n"
            "name: apple\n"
            "is_a: X:1 ! fruit\n"
            "relationship: part_of X:3 ! tree\n"
            "\n"
            "[Term]\n"
            "id: X:3\n"
            "name: tree\n"
            "\n"
            "[Term]\n"
            "id: X:4\n"
            "name: old\n"
            "is_obsolete: true\n"
            "replaced_by: X:2\n"
            "\n"
            "[Typedef]\n"
            "id: part_of\n"
            "name: part of\n"
        ),
        (4, 1),
    ),
    "owl functional rdfxml": (
        (
            '<?xml version="1.0"?>\n'
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:rdfs="http://www.w3.org/'
            '2000/01/rdf-schema#" xmlns:owl="http://www.w3.org/2002/07/owl#">\n'
            '<owl:Class rdf:about="http://x/A"><rdfs:label>Fruit</rdfs:label></owl:Class>\n'
            '<owl:Class rdf:about="http://x/B"><rdfs:label xml:lang="en">Apple</rdfs:label><rdfs:subClassOf '
            'rdf:resource="http://x/A"/></owl:Class></rdf:RDF>'
        ),
        (2, 1),
    ),
    "outline numbers": ("1. Fruit\n  1.1. Apple\n    1.1.1. Gala\n  1.2. Pear\n", (4, 3)),
    "outline numbered flat": ("1 Fruit\n1.1 Apple\n1.1.1 Gala\n1.2 Pear\n2 Veg\n", (5, 3)),
    "outline bullets md": ("- Fruit\n  - Apple\n    - Gala\n  - Pear\n- Veg\n", (5, 3)),
    "newick species": ("((Corvus_corax:1,Corvus_corone:1)Corvus:2,Pica_pica)Corvidae;", (5, 4)),
    "dot rankdir": (
        (
            "digraph G {\n"
            "  rankdir=TB;\n"
            "  node [shape=box];\n"
            '  "Fruit" -> "Apple";\n'
            '  "Fruit" -> "Pear" [color=red];\n'
            "  Apple -> Gala;\n"
            "}\n"
        ),
        (4, 3),
    ),
    "ls taxonomy": (
        (
            "<View>\n"
            '  <Image name="img" value="$image"/>\n'
            '  <Taxonomy name="tax" toName="img">\n'
            '    <Choice value="Fruit">\n'
            '      <Choice value="Apple"/>\n'
            '      <Choice value="Pear" alias="p"/>\n'
            "    </Choice>\n"
            '    <Choice value="Veg"/>\n'
            "  </Taxonomy>\n"
            "</View>\n"
        ),
        (4, 2),
    ),
    "quoted paths csv": ('id,category\n1,"Fruit > Apple, red"\n2,"Fruit > Pear"\n', (3, 2)),
    "same names": ("Men > Shoes > Boots\nWomen > Shoes > Boots\n", (6, 4)),
    "same names csv levels": ("department,category,subcategory\nMen,Shoes,Boots\nWomen,Shoes,Boots\n", (6, 4)),
    "same names adjacency ids": ("id,name,parent_id\n1,Men,\n2,Women,\n3,Shoes,1\n4,Shoes,2\n", (4, 2)),
    "german": ("Kategorie;Unterkategorie;Anzahl\nObst;Apfel;3\nObst;Birne;2\n", (3, 2)),
    "count first": ("count,category,subcategory\n3,Fruit,Apple\n2,Fruit,Pear\n", (3, 2)),
    "deepest first": ("sub_subcategory,subcategory,category\nGala,Apple,Fruit\nConference,Pear,Fruit\n", (5, 4)),
    "class_id,class_name,superclass": (
        "class_id,class_name,superclass\n0,cat,animal\n1,dog,animal\n2,car,vehicle\n",
        (5, 3),
    ),
    "cifar coarse fine": ("fine_label,coarse_label\napple,fruit\npear,fruit\noak,trees\n", (5, 3)),
    "cifar coarse fine 2": ("coarse_label,fine_label\nfruit,apple\nfruit,pear\ntrees,oak\n", (5, 3)),
    "json d3 value": (
        ('{"name":"root","children":[{"name":"a","value":3},{"name":"b","value":4,"children":[]}]}'),
        (3, 2),
    ),
    "json treeselect": ('[{"title":"Fruit","key":"0-0","children":[{"title":"Apple","key":"0-0-0"}]}]', (2, 1)),
    "jstree": ('[{"id":"a","parent":"#","text":"Fruit"},{"id":"b","parent":"a","text":"Apple"}]', (2, 1)),
    "wikidata like": ("item,itemLabel,superclass,superclassLabel\nQ1,Apple,Q2,Fruit\nQ3,Pear,Q2,Fruit\n", (3, 2)),
    "breadcrumbs": ('[{"breadcrumb":"Home / Fruit / Apple"},{"breadcrumb":"Home / Fruit / Pear"}]', (4, 3)),
    "path list col": ("id,path\n1,/Fruit\n2,/Fruit/Apple\n3,/Fruit/Pear\n", (3, 2)),
    "dots ltree": ("Top\nTop.Science\nTop.Science.Astronomy\nTop.Hobbies\n", (4, 3)),
    "materialised path ids": ("id,name,path\n1,Fruit,1\n2,Apple,1/2\n3,Gala,1/2/3\n", (3, 2)),
    "tsv with comment header": (
        "# my taxonomy v2\n# id\tname\tparent\nid\tname\tparent\n1\tFruit\t\n2\tApple\t1\n",
        (2, 1),
    ),
    "excel sep": ("sep=;\nid;name;parent\n1;Fruit;\n2;Apple;1\n", (2, 1)),
    "imagenet is_a": ("n00001740 n00001930\nn00001740 n00002137\nn00001930 n00002684\n", (4, 3)),
}


def counts(taxonomy: Taxonomy) -> tuple[int, int]:
    return len(taxonomy), taxonomy.graph.number_of_edges()


@pytest.mark.parametrize("name", FILES)
def test_a_stranger_reads_as_a_person_expects(read: Read, name: str) -> None:
    """Nodes and edges, counted by reading the file."""
    text, expected = FILES[name]
    assert counts(read(text)) == expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("name", ["german", "quoted paths csv", "yaml nested list", "jsonl path"])
def test_in_any_encoding(read: Read, name: str, encoding: str) -> None:
    text, expected = FILES[name]
    assert counts(read(text.replace("Apple", "Äpple").replace("Apfel", "Äpfel").encode(encoding))) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["Category", "Subcategory"], ["Fruit", "Apple"], ["Fruit", "Pear"]], (3, 2)),
        ([["Products 2024"], [], ["Level 1", "Level 2"], ["Fruit", "Apple"], [None, "Pear"], ["Veg", None]], (4, 2)),
        ([["Node Id", "Node Name", "Parent Node Id"], [1.0, "Fruit", None], [2.0, "Apple", 1.0]], (2, 1)),
    ],
)
def test_workbooks_with_a_title_numbers_and_a_second_sheet(
    read: Read, rows: list[list[object]], expected: tuple[int, int]
) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    book.create_sheet("Notes").append(["read me"])
    stream = BytesIO()
    book.save(stream)
    assert counts(read(stream.getvalue())) == expected


def test_one_name_under_several_parents_is_several_nodes(read: Read) -> None:
    for name in ("same names", "same names csv levels"):
        found = read(FILES[name][0])
        assert [found.path_text(node.id) for node in found.leaves] == ["Men > Shoes > Boots", "Women > Shoes > Boots"]


def test_a_genus_alone_is_not_its_own_species(read: Read) -> None:
    """Darwin Core repeats the genus as the scientific name; `Pica pica` of camera traps is a species all the same."""
    found = read("family\tgenus\tscientificName\nCorvidae\tCorvus\tCorvus\nCorvidae\tPica\tPica pica\n")
    assert [found.path_text(node.id) for node in found.leaves] == [
        "Corvidae > Corvus", "Corvidae > Pica > Pica pica"]  # fmt: skip
    trap = read(FILES["camera trap binomial"][0])
    assert [node.name for node in trap.path(trap.leaves[-1].id)] == [
        "aves",
        "passeriformes",
        "corvidae",
        "pica",
        "pica",
    ]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("n01440764\ttench\nn01443537\tgoldfish\n", "a table with the columns"),
        ("id,name,lft,rgt\n1,Fruit,1,6\n2,Apple,2,3\n", "columns 'id', 'name', 'lft', 'rgt'"),
        ("name,depth\nFruit,0\nApple,1\n", "columns 'name', 'depth'"),
        ("Code,Title\n11,Agriculture\n111,Crop Production\n", "columns 'Code', 'Title'"),
    ],
)
def test_what_cannot_be_told_is_refused_by_what_was_seen(refusal: Refusal, text: str, seen: str) -> None:
    """Never read as edges of a tree."""
    assert seen in refusal(text)
