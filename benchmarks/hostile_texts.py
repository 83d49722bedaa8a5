"""Taxonomy files made to be costly: for each a maker that takes a size in bytes and returns about as much text."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping

Maker = Callable[[int], str | bytes]

_SKOS = "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n@prefix : <http://x.org/v#> .\n"
_LABEL = "http://www.w3.org/2004/02/skos/core#prefLabel"
_XML = '<?xml version="1.0"?>\n<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'


def repeated(piece: str, before: str = "", after: str = "") -> Maker:
    """A piece over and over, between two others."""
    return lambda size: before + piece * (size // len(piece)) + after


def nested(opening: str, closing: str, inner: str = "") -> Maker:
    """Brackets inside one another."""

    def make(size: int) -> str:
        count = size // len(opening + closing)
        return opening * count + inner + closing * count

    return make


def numbered(line: str, before: str = "", after: str = "") -> Maker:
    """Lines that differ by a number, written `{}` in the pattern."""

    def make(size: int) -> str:
        count = max(2, size // (len(line) + 3))
        return before + "".join(line.replace("{}", str(number)) for number in range(count)) + after

    return make


def alias_bomb(size: int) -> str:
    """YAML in which every line names the one before ten times."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    while sum(map(len, lines)) < size:
        before = len(lines) - 1
        lines.append(f"a{len(lines)}: &a{len(lines)} [{', '.join([f'*a{before}'] * 10)}]")
    return "\n".join(lines) + "\n"


def mapping_bomb(size: int) -> str:
    """YAML of mappings that hold the one before under every key."""
    lines = ["a0: &a0 {k: v}"]
    while sum(map(len, lines)) < size:
        keys = ", ".join(f"k{key}: *a{len(lines) - 1}" for key in range(9))
        lines.append(f"a{len(lines)}: &a{len(lines)} {{{keys}}}")
    return "\n".join(lines) + "\n"


def deep_dag(size: int) -> str:
    """CSV of 1,000 levels, each node below two of the level above."""
    width = max(2, size // 1000 // 44)
    rows = ["id,name,parents"]
    for level in range(1000):
        for place in range(width):
            above = f"n{level - 1}x{place}|n{level - 1}x{(place + 1) % width}" if level else ""
            rows.append(f"n{level}x{place},name {level} {place},{above}")
    return "\n".join(rows) + "\n"


def long_paths(size: int) -> str:
    """Path lines of 1,000 names, all different."""
    lines = max(1, size // 9000)
    return "".join(" > ".join(f"{line}x{step}" for step in range(1000)) + "\n" for line in range(lines))


def long_roots(size: int) -> str:
    """An outline whose root takes half of the text, and very many leaves below it."""
    return "n" * (size // 2) + "\n" + "".join(f" {leaf}\n" for leaf in range(size // 14))


def long_id(size: int) -> str:
    """JSON in which one id takes half of the text, and very many children refer to it."""
    children = [{"id": str(number), "name": str(number)} for number in range(size // 60)]
    return json.dumps({"id": "i" * (size // 2), "name": "root", "children": children})


def long_json_names(size: int) -> str:
    """JSON without ids in which a long name repeats, so that nodes are known by their paths."""
    leaves = [{"name": str(number)} for number in range(size // 40)]
    name = "n" * (size // 4)
    return json.dumps([{"name": name, "children": [{"name": name, "children": leaves}]}])


def groups(size: int) -> str:
    """DOT in which every node of one group has an edge to every node of another."""
    names = range(size // 14)
    above, below = (" ".join(f"{sign}{name}" for name in names) for sign in "ab")
    return f"digraph{{ r -> {{{above}}} -> {{{below}}} }}"


def contexts(size: int) -> str:
    """JSON-LD whose context has very many terms, and very many nodes that add one of their own."""
    terms = {f"t{term}": f"http://x/{term}" for term in range(size // 60)}
    graph = [{"@context": {"u": "http://x/u"}, "@id": f"http://x/{node}", _LABEL: "a"} for node in range(size // 200)]
    return json.dumps({"@context": terms, "@graph": graph})


def wide_csv(size: int) -> str:
    """Two rows of as many columns as fit."""
    count = size // 12
    return ",".join(f"c{column}" for column in range(count)) + "\n" + ",".join("x" for _ in range(count)) + "\n"


def tall_csv(size: int) -> str:
    """Many rows, each with a parent that no row gives."""
    return "id,name,parent\n" + "".join(f"{row},n{row},p{row}\n" for row in range(size // 20))


def chain(size: int) -> str:
    """An edge list in one line of descent."""
    return "".join(f"n{number}\tn{number + 1}\n" for number in range(size // 14))


def zip_bomb(size: int) -> bytes:
    """A workbook whose sheet unpacks to a thousand times its size."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(max(1, size // 1024)):
                part.write(b"<row><c/></row>" * 70_000)
    return stream.getvalue()


TEXTS: Mapping[str, tuple[int, Maker]] = {
    "turtle: quotes": (80_000, repeated('"', _SKOS)),
    "turtle: triple quotes": (80_000, repeated('"""a', _SKOS)),
    "turtle: open addresses": (80_000, repeated("<", _SKOS)),
    "turtle: brackets": (80_000, repeated("[", _SKOS + ":a skos:broader ")),
    "turtle: objects": (80_000, numbered(":{},", _SKOS + ":a skos:broader ", ":b .\n")),
    "turtle: concepts": (80_000, numbered(':{} skos:prefLabel "{}" .\n', _SKOS)),
    "turtle: one long list": (80_000, repeated("1 ", _SKOS + ":a skos:broader (", ") .")),
    "turtle: blank lines": (80_000, repeated("\n", _SKOS, ":a skos:prefLabel 'A' .")),
    "turtle: semicolons": (80_000, repeated(";", _SKOS + ":a a skos:Concept ", ".")),
    "turtle: escapes": (80_000, repeated("\\n", _SKOS + ':a skos:prefLabel "', '" .')),
    "turtle: prefixes": (80_000, numbered("@prefix p{}: <http://x/{}> .\n", _SKOS)),
    "n-triples": (
        80_000,
        numbered('<http://x/{}> <http://www.w3.org/2004/02/skos/core#prefLabel> "{}" .\n'),
    ),
    "xml: tags": (60_000, repeated("<a/>", _XML, "</rdf:RDF>")),
    "xml: nested tags": (60_000, nested("<a>", "</a>")),
    "xml: nested in RDF": (60_000, repeated("<rdf:a>", _XML)),
    "xml: open brackets": (60_000, repeated("<", _XML)),
    "xml: open comments": (60_000, repeated("<!--", _XML)),
    "xml: attributes": (60_000, numbered(' a{}="b"', "<a", "/>")),
    "xml: choices": (60_000, numbered('<Choice value="{}"/>', "<View><Taxonomy>", "</Taxonomy></View>")),
    "yaml: alias bomb": (500, alias_bomb),
    "yaml: mapping bomb": (500, mapping_bomb),
    "yaml: open brackets": (60_000, repeated("[", "a: ")),
    "yaml: open braces": (60_000, repeated("{a: ", "a: ")),
    "yaml: items in items": (60_000, repeated("- ", "a:\n  ")),
    "yaml: questions": (60_000, repeated("? ", "a:\n  ")),
    "yaml: keys": (200_000, numbered("k{}:\n")),
    "yaml: keys below a key": (200_000, numbered("  k{}:\n", "a:\n")),
    "yaml: merges": (200_000, numbered("k{}:\n  <<: *a\n", "a: &a {b: c}\n")),
    "DAG of 1,000 levels": (2_200_000, deep_dag),
    "paths of 1,000 names": (1_000_000, long_paths),
    "outline: a long root": (1_000_000, long_roots),
    "outline: spaces": (1_000_000, repeated(" ", "a\n", "b\n")),
    "outline: bars": (1_000_000, repeated("|   ", "a\n", "x\n")),
    "outline: heading": (200_000, repeated(" #", "# a\n## b", " x\n")),
    "outline: lines": (1_000_000, numbered("  {}\n", "a\n")),
    "json: a long id": (1_000_000, long_id),
    "json: long names": (1_000_000, long_json_names),
    "json: nested": (200_000, nested('{"name":"a","children":[', "]}")),
    "json: lists": (200_000, nested("[", "]")),
    "json: nodes": (1_000_000, numbered('{"id":{},"name":"n{}","parent":0},', "[", '{"id":-1,"name":"x"}]')),
    "json: names": (1_000_000, numbered('"n{}":{"a":null},', '{"r":{', '"x":null}}')),
    "json lines": (1_000_000, numbered('{"id":{},"name":"n{}","parent":0}\n')),
    "json-ld": (80_000, numbered('{"@id":"http://x/{}","http://www.w3.org/2004/02/skos/core#prefLabel":"{}"},', "[",
                                 '{"@id":"http://x/a"}]')),
    "json-ld: contexts": (80_000, contexts),
    "newick: brackets": (200_000, nested("(", ")", "a")),
    "newick: open": (200_000, repeated("(", "", ";")),
    "newick: leaves": (1_000_000, numbered("n{},", "(", "x)r;")),
    "newick: comments": (200_000, repeated("[", "(a,b)", ";")),
    "newick: quotes": (200_000, repeated("'", "(", ",b);")),
    "dot: braces": (200_000, nested("digraph{", "}", "a->b")),
    "dot: comments": (200_000, repeated("/*", "digraph{a->b;")),
    "dot: heads": (200_000, repeated("// ", "", "\nx{a--b}")),
    "dot: edges": (1_000_000, numbered("r->n{};", "digraph{", "}")),
    "dot: groups": (200_000, groups),
    "obo": (1_000_000, numbered("[Term]\nid: {}\nname: n{}\nis_a: 0\n", "[Term]\nid: x\n")),
    "obo: spaces": (200_000, repeated(" ", "[Term]\nid: 1\nname: a", "b\n")),
    "obo: open quotes": (200_000, repeated('\\"', '[Term]\nid: 1\nsynonym: "')),
    "html": (200_000, repeated("<li>", "<!doctype html><ul class='tree'>")),
    "html: pages": (200_000, repeated("<ul><li data-id='a'>", "<!doctype html>")),
    "csv: columns": (1_000_000, wide_csv),
    "csv: wide header": (500_000, lambda size: ",".join(["name"] * (size // 10)) + "\n" + "x\n" * (size // 4)),
    "csv: header of levels": (200_000, numbered("level {},", "", "level\nA,B\n")),
    "csv: rows": (1_000_000, tall_csv),
    "csv: quotes": (1_000_000, repeated('"', "id,name,parent\n")),
    "csv: tiers": (1_000_000, numbered(",b{}\n", "tier 1,tier 2\n" + "a" * 20_000 + ",\n")),
    "csv: one long cell": (1_000_000, repeated("a>", "id,path\n1,")),
    "edges: chain": (200_000, chain),
    "edges: words": (1_000_000, numbered("a b{}\n")),
    "lines: separators": (1_000_000, repeated(">", "a > b\n")),
    "lines: one long word": (1_000_000, repeated("a1-")),
    "lines: ids": (1_000_000, numbered("{} - a{}\n")),
    "lines: flat": (1_000_000, numbered("word{}\n")),
    "lines: numbers": (1_000_000, repeated("1 ", "", "\na\n")),
    "lines: spaces": (1_000_000, repeated(" ", "a > b\na", "b > c\n")),
    "lines: commas": (1_000_000, repeated("a,", "a > b\n", "1\n")),
    "lines: tabs": (1_000_000, repeated("1\t", "a > b\n")),
    "workbook: zip bomb": (1_000_000, zip_bomb),
}  # fmt: skip
