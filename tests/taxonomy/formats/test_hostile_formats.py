"""Hostile taxonomy files: what is wrong and where, however deep, damaged or random the text is."""

import pytest
from fixture_types import Read, Refusal
from hypothesis import given
from hypothesis import strategies as st

from taxonomy import Node, Taxonomy, TaxonomyError
from taxonomy.formats.reading import write_taxonomy
from taxonomy.formats.registry import format_names, get_format

PETS = Taxonomy([Node("1", "Animals"), Node("2", "Cats", ("1",)), Node("3", "Dogs", ("1",)), Node("4", "Toys")])
SKOS = "@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix : <http://x.org/v#> .\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,name,parent\n1,A,\n2,B,9\n", "unknown parent: '9' of '2' (line 3)"),
        ("id,name,parent\n1,A,\n1,B,\n", "duplicate id '1' (line 2) and again (line 3)"),
        ("id,name,parent\n1,A,2\n2,B,1\n", "cycle: '1' (line 2) -> '2' (line 3) -> '1' (line 2)"),
        ("id,name,parent\n1,A,,B\n", "line 2: 4 fields, more than the header's 3"),
        ('{"a": [1, 2', "line 1: not JSON"),
        (SKOS + ':a skos:prefLabel "A"; skos:broader :b .\n', "unknown parent: "),
        ("id,name,parent,assignable\n1,A,,perhaps\n", "line 2: 'perhaps' is neither true nor false"),
        ('id,name,parent\n1,"A,\n', "line 2: unexpected end of data"),
        ("id,name,parent\n1,A,\n2,B,1\n3,B,1\n", "two siblings named 'B' under '1': '2' (line 3), '3' (line 4)"),
        ("tier 1,tier 2\nA,\n,B\nC,\n", None),
        ("tier 1,tier 2,tier 3\nA,,C\n", "line 2: level 2 is blank, but one below it is not"),
        ("tier 1,tier 2\n,B\n", "line 2: no row above says what level 1 is"),
        ("a\tb\nb\tc\nc\ta\n", "cycle: "),
        ('[{"id":1,"name":"A","children":[9]}]', "node 1: unknown child '9' of '1'"),
        ('[{"name":"A","children":[{"size":3}]}]', "under 'A': an entry without a name"),
        ('[{"name":"A","children":[{"name":"B","children":[{"name":"A"}]}]}]', None),
        ("A > B\n\0", "line 2: a NUL byte in the text"),
        ('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>http://www.w3.org/2004/02/skos/core#</x>',
         "line 1: document types and entities are refused"),
        ('{"@context":"http://x.org/c.jsonld","@id":"a","x":"http://www.w3.org/2004/02/skos/core#"}',
         "a remote @context is not fetched: 'http://x.org/c.jsonld'"),
        (SKOS + ":a skos:prefLabel .\n", "line 2: not SKOS or OWL in turtle"),
    ],
)  # fmt: skip
def test_refusals_name_the_place(read: Read, refusal: Refusal, text: str, message: str | None) -> None:
    if message is None:
        assert read(text)
    else:
        assert refusal(text).startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"a","children":[' * 10_000 + "]}" * 10_000,
        '{"a":' * 10_000 + "{}" + "}" * 10_000,
        "[" * 10_000 + "]" * 10_000,
        SKOS + ":a skos:broader " + "[ skos:broader " * 10_000 + ":b" + " ]" * 10_000 + " .",
        '<?xml version="1.0"?><a xmlns:s="http://www.w3.org/2004/02/skos/core#">'
        + "<b>" * 10_000
        + "</b>" * 10_000
        + "</a>",
        " > ".join(f"n{i}" for i in range(10_000)),
        "\n".join(f"n{i}\tn{i + 1}" for i in range(10_000)),
    ],
    ids=["nested", "mapping", "list", "turtle", "xml", "path", "chain"],
)
def test_ten_thousand_levels(refusal: Refusal, text: str) -> None:
    """Refused in one line, never a recursion error."""
    assert len(refusal(text)) < 2000


@pytest.mark.parametrize("form", [name for name in format_names() if name not in ("graphviz", "html")])
@given(text=st.text(max_size=200))
def test_any_text_is_read_or_refused(form: str, text: str) -> None:
    known = get_format(form)
    known.detect(text)
    try:
        assert len(known.parse(text, "x")) > 0
    except TaxonomyError as error:
        assert str(error)  # noqa: PT017 (either outcome is right; any other error fails the test)


@pytest.mark.parametrize(
    "form", ["csv", "json-nodes", "nested-json", "skos-turtle", "tiers", "edge-list", "path-lines"]
)
@given(data=st.data())
def test_damaged_files_are_read_or_refused(form: str, data: st.DataObject) -> None:
    """Sound files with a piece cut out and a sign changed."""
    sound = {
        "json-nodes": '[{"id":"1","name":"A","child_ids":["2"]},{"id":"2","name":"B"}]',
        "nested-json": '{"name":"A","children":[{"name":"B"},{"name":"C","Part":[{"name":"D"}]}]}',
        "tiers": 'tier 1,tier 2\nA,B\n,"C"\nD,\n',
        "edge-list": "a\tb\nb\tc\n",
        "path-lines": "1 - A\n2 - A > B\n",
    }.get(form) or write_taxonomy(PETS, form)
    start = data.draw(st.integers(0, len(sound)))
    end = data.draw(st.integers(start, min(len(sound), start + 10)))
    damaged = sound[:start] + data.draw(st.text(max_size=3)) + sound[end:]
    try:
        assert len(get_format(form).parse(damaged, "x")) > 0
    except TaxonomyError as error:
        assert str(error)  # noqa: PT017 (either outcome is right; any other error fails the test)
