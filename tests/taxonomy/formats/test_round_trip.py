"""Everything that Cladist writes it reads back, detected from the file, with every field of every node."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags

from taxonomy import Node, Taxonomy, TaxonomyError, read_taxonomy, release
from taxonomy.formats.reading import write_taxonomy
from taxonomy.formats.registry import format_names, get_format
from taxonomy.graph import tidy

# What separates, quotes, comments, breaks lines or means something in one of the formats.
SIGNS = " \"'\\|;,>/[]{}<>:#&=%!\t\n\r\x01\x1b\x0b\x0c\x1c\x1f\x7f\x85\xa0\ufeff\u2028\u2029\u200b-_*"
WORDS = ["0", "-1", "null", "none", "nan", "root", "id", "name", "parent", "a, b", '["a"]', "a|b", "a;b", "A > B",
         '{"a": 1}', "true", "image", "path", "species", "1", "<b>", "</script>", "<!--", "digraph", "label", "strict",
         "node", "edge", "subgraph", "\\N", "\\n", "\\G", "a\\", "part"]  # fmt: skip
TEXTS = st.text(
    st.one_of(st.sampled_from(SIGNS), st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    min_size=1,
    max_size=6,
)
NAMES = st.one_of(TEXTS.filter(lambda text: bool(tidy(text))), st.sampled_from(WORDS))


def written_formats() -> list[str]:
    """The names of all formats that can be written, asked of the registry: a new one is tested by itself."""
    found = []
    for name in format_names():
        try:
            write_taxonomy(Taxonomy([Node("a", "A")]), name)
        except TaxonomyError as error:
            if "can be read, not written" not in str(error):
                raise
        else:
            found.append(name)
    return found


@st.composite
def rich(draw: st.DrawFn) -> Taxonomy:
    """A DAG whose nodes carry everything that a node can."""
    shape = draw(dags(max_nodes=6))
    given_ids = draw(st.lists(NAMES, min_size=len(shape), max_size=len(shape), unique_by=tidy))
    ids = {node.id: node_id for node, node_id in zip(shape, given_ids, strict=True)}
    names = draw(st.lists(NAMES, min_size=len(shape), max_size=len(shape), unique_by=tidy))
    return Taxonomy(
        Node(
            ids[node.id],
            name,
            tuple(ids[parent] for parent in node.parents),
            aliases=tuple(draw(st.lists(NAMES, max_size=2))),
            names=draw(st.dictionaries(st.one_of(TEXTS, st.just("de")), TEXTS, max_size=2)),
            description=draw(st.one_of(st.just(""), TEXTS)),
            assignable=node.assignable,
            deprecated=draw(st.booleans()),
            replaced_by=draw(st.sampled_from([None, *ids.values()])),
            part_of=tuple(draw(st.lists(st.sampled_from(sorted(ids.values())), max_size=2))),
        )
        for node, name in zip(shape, names, strict=True)
    )


@pytest.mark.parametrize("form", written_formats())
@given(taxonomy=rich())
def test_what_is_written_is_read_back(form: str, taxonomy: Taxonomy, tmp_path_factory: pytest.TempPathFactory) -> None:
    """As the same release, by content alone and by the format's name."""
    path = tmp_path_factory.getbasetemp() / f"written.{form}"
    path.write_text(write_taxonomy(taxonomy, form), encoding="utf-8", newline="")
    assert list(read_taxonomy(path)) == list(taxonomy)
    assert release(read_taxonomy(path, form)) == release(taxonomy)


def test_all_that_convert_offers_is_written() -> None:
    assert set(written_formats()) == {"canonical-json", "csv", "skos-turtle", "graphviz", "html"}


@pytest.mark.parametrize("form", [name for name in format_names() if name not in written_formats()])
def test_a_format_for_reading_says_so(form: str) -> None:
    with pytest.raises(TaxonomyError, match=f"^the format {form} can be read, not written$"):
        get_format(form).write(Taxonomy([Node("a", "A")]))


@pytest.mark.parametrize("field", ["id", "name", "aliases", "names", "description", "replaced_by"])
def test_a_nul_is_in_no_taxonomy(field: str) -> None:
    """Neither a text file nor PostgreSQL can hold one: refused before anything is written."""
    held = {"aliases": ("a\0",), "names": {"de": "a\0"}}.get(field, "a\0")
    with pytest.raises(TaxonomyError, match="holds a NUL"):
        Taxonomy([Node(**{"id": "x", "name": "x", field: held})])  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ['@prefix s: <http://www.w3.org/2004/02/skos/core#> .\n<x:a> s:prefLabel "\\uD800" .'])
def test_half_a_surrogate_pair_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "t").write_text(text)
    with pytest.raises(TaxonomyError, match="surrogate"):
        read_taxonomy(tmp_path / "t")


def test_keywords_of_dot_are_names_where_they_are_quoted(tmp_path: Path) -> None:
    """`"node"` is a node; a bare `node [...]`, in any case, sets what nodes look like."""
    (tmp_path / "t.dot").write_text(
        'digraph { NODE [shape=box]; "node" [label="A \\\\ \\N"]; "\\\\" -> "node"; '
        'a -> subgraph s { b [label="B"] c } }'
    )
    found = read_taxonomy(tmp_path / "t.dot")
    assert {node.id: (node.name, node.parents) for node in found} == {
        "\\": ("\\", ()),
        "a": ("a", ()),
        "b": ("B", ("a",)),
        "c": ("c", ("a",)),
        "node": ("A \\ node", ("\\",)),
    }
