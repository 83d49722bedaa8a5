"""What a small file may cost: bounds on paths, ids, edges, columns and on what a pattern looks at, with their words."""

import json
import re
from itertools import chain

import pytest
from fixture_types import Read, Refusal

from taxonomy import Node, Taxonomy, TaxonomyError, graph
from taxonomy.errors import CladistError
from taxonomy.formats.json.collection import keys_of
from taxonomy.formats.outlines import graphviz
from taxonomy.formats.outlines.indented import _TREE
from taxonomy.formats.paths import ids as path_ids
from taxonomy.formats.paths import path_lines
from taxonomy.formats.tables.delimited import MAX_COLUMNS

LONG = "n" * 300
TOO_LONG = "paths of more than 2000 characters in all"
TWINS = [{"name": LONG, "kids": [{"name": LONG, "kids": [{"name": str(leaf)} for leaf in range(9)]}]}]


@pytest.fixture
def _few_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_ids, "MAX_ID_SIGNS", 2000)
    monkeypatch.setattr(graph, "MAX_ID_SIGNS", 2000)


@pytest.mark.usefixtures("_few_signs")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LONG + "\n" + "".join(f"  {leaf}\n" for leaf in range(9)), f"line 7: {TOO_LONG}"),
        ("".join(f"{'n' * 30} > {leaf} > {'m' * 300}\n" for leaf in range(9)), f"line 6: {TOO_LONG}"),
        ("tier 1,tier 2\n" + LONG + ",\n" + "".join(f",{leaf}\n" for leaf in range(9)), f"line 8: {TOO_LONG}"),
        (json.dumps(TWINS), TOO_LONG),
        (json.dumps({"id": LONG, "name": "a", "children": [{"id": i, "name": f"b{i}"} for i in range(9)]}), TOO_LONG),
        (json.dumps({LONG: {str(leaf): {} for leaf in range(9)}}), TOO_LONG),
        (f"({','.join(f'(x)a{leaf}' for leaf in range(9))}){LONG};", "ids of more than 2000 characters in all"),
        (f"(((x){LONG},x){LONG},x){LONG};", TOO_LONG),
        (
            f'<View><Taxonomy><Choice value="{LONG}">\n' + '<Choice value="a"/>\n' * 9 + "</Choice></Taxonomy></View>",
            f"line 7: {TOO_LONG}",
        ),
        (
            "id,name,parent\n" + "".join(f"{'i' * 150}{row},n{row},{'i' * 150}0\n" for row in range(1, 9)),
            "ids of more than 2000 characters in all",
        ),
    ],
    ids=[
        "outline",
        "lines",
        "tiers",
        "json by path",
        "json by id",
        "mapping",
        "newick",
        "newick by path",
        "choices",
        "csv",
    ],
)
def test_long_ids_under_many_are_counted(refusal: Refusal, text: str, message: str) -> None:
    """A name that stands in the id of everything below it, or an id in the reference of every child."""
    assert refusal(text) == message


def test_references_share_their_text_with_the_id(read: Read) -> None:
    """Each child of a long id costs a pointer."""
    found = read("A > B\nA > C\n")
    assert found["A > B"].parents[0] == found["A"].id
    text = "A > B"
    assert graph.tidy(text) is text


def test_edges_between_groups_are_counted_before_they_are_made(
    refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphviz, "_MAX_EDGES", 99)
    names = [" ".join(f"{sign}{number}" for number in range(10)) for sign in "ab"]
    assert refusal(f"digraph {{ r -> {{{names[0]}}} -> {{{names[1]}}} }}") == "more than 99 edges"


def test_a_pattern_sees_the_ends_of_a_long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id is looked for in 120 characters at either end, however long the line is."""
    seen: list[int] = []

    class Watched:
        """A pattern that notes how much it is given."""

        def __init__(self, pattern: re.Pattern[str]) -> None:
            self._pattern = pattern

        def match(self, line: str) -> re.Match[str] | None:
            seen.append(len(line))
            return self._pattern.match(line)

    monkeypatch.setattr(path_lines, "_WITH_ID", tuple(map(Watched, path_lines._WITH_ID)))
    monkeypatch.setattr(path_lines, "_SURE_IDS", frozenset())
    names = " > ".join(f"n{number}" for number in range(900))
    assert path_lines.detect(f"A\t1\nA > {names}\t2\n") > 0
    assert seen
    assert max(seen) <= 241


def test_an_id_at_the_end_of_a_long_line(read: Read) -> None:
    names = ["n" * 400, "m" * 400]
    found = read(f"{names[0]}\t71\n{' > '.join(names)}\t72\n")
    assert [(node.id, node.name, node.parents) for node in found] == [("71", names[0], ()), ("72", names[1], ("71",))]


@pytest.mark.parametrize("text", ["|   " * 40 + "x", "    " * 40 + "|  " * 40 + "x", "│   " * 5000 + "x"])
def test_the_lines_of_a_tree_are_matched_in_one_way(text: str) -> None:
    """Two ways to take a bar would be tried in 2 ** 40 combinations."""
    assert _TREE.match(text) is None


def test_comments_before_a_graph_are_matched_in_one_way() -> None:
    assert graphviz.detect("// " * 3000 + "\nno graph") == 0


def test_an_object_of_very_many_keys_is_no_entry() -> None:
    """It is a mapping of names; what its keys mean is not asked."""
    many = {f"name {number}": "x" for number in range(1001)} | {"id": 1}
    assert keys_of({"id": 1, "name": "x"}).fields == {"id": "id", "name": "name"}
    assert keys_of(many).fields == {}


@pytest.mark.parametrize("width", [MAX_COLUMNS + 1, 5000])
def test_a_row_of_very_many_columns_is_no_header(refusal: Refusal, width: int) -> None:
    header = ",".join(chain(["id", "name", "parent"], (f"c{column}" for column in range(width - 3))))
    assert refusal(f"{header}\n1,A,\n").startswith("not a taxonomy in any known format")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a0: &a0 {k: v}\n" + "".join(f"a{i}: &a{i} {{{', '.join(f'k{k}: *a{i - 1}' for k in range(9))}}}\n"
                                      for i in range(1, 9)),
         "line 7: YAML of more than 2000000 values once its aliases are written out"),
        ("a: &a [*a]\nb: c\n", "line 1: the alias *a holds itself, or nothing"),
        ("a:\n  " + "- " * 1500 + "b\n", "line 2: YAML nested more than 1000 levels deep"),
    ],
)  # fmt: skip
def test_yaml_that_is_a_bomb_is_refused_as_what_it_is(refusal: Refusal, text: str, message: str) -> None:
    """Not read as lines of something else."""
    assert refusal(text) == message


def test_no_message_is_longer_than_a_screen() -> None:
    assert len(str(CladistError("x" * 10_000, source="file", line=3))) < 2100
    with pytest.raises(TaxonomyError) as caught:
        Taxonomy([Node("i" * 100_000, "a", ("b",))])
    assert len(str(caught.value)) < 2100
