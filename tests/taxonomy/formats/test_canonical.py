"""Hostile canonical JSON: refused in one line, whatever it holds."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fixture_types import Refusal

from taxonomy import release

EXPECTED = "expected an object with 'format': 'cladist-taxonomy/1' and a list 'nodes'"
CANONICAL = "canonical-json"


def body(*nodes: Any) -> str:
    return json.dumps({"format": "cladist-taxonomy/1", "nodes": nodes})


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        '"cladist-taxonomy/1"',
        '{"nodes": []}',
        '{"format": "cladist-taxonomy/1"}',
        '{"format": "cladist-taxonomy/1", "nodes": {}}',
        '{"format": "cladist-taxonomy/1", "nodes": null}',
        '{"format": "cladist-taxonomy/2", "nodes": []}',
        '{"format": ["cladist-taxonomy/1"], "nodes": []}',
    ],
)
def test_another_shape_is_refused(refusal: Refusal, text: str) -> None:
    assert refusal(text, CANONICAL) == EXPECTED


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("a", "node 2 is not an object"),
        (["a", "A"], "node 2 is not an object"),
        (None, "node 2 is not an object"),
        ({}, "node 2 lacks an id or a name"),
        ({"id": "a"}, "node 2 lacks an id or a name"),
        ({"name": "A"}, "node 2 lacks an id or a name"),
        ({"id": 7, "name": "A"}, "node 2: unexpected 'id': 7"),
        ({"id": "a", "name": None}, "node 2: unexpected 'name': None"),
        ({"id": "a", "name": "A", "parents": "root"}, "node 2: unexpected 'parents': 'root'"),
        ({"id": "a", "name": "A", "parents": [1]}, "node 2: 'parents' must hold text only"),
        ({"id": "a", "name": "A", "parents": [["root"]]}, "node 2: 'parents' must hold text only"),
        ({"id": "a", "name": "A", "aliases": {"x": "y"}}, "node 2: unexpected 'aliases': {'x': 'y'}"),
        ({"id": "a", "name": "A", "names": {"de": 1}}, "node 2: 'names' must hold text only"),
        ({"id": "a", "name": "A", "names": ["de"]}, "node 2: unexpected 'names': ['de']"),
        ({"id": "a", "name": "A", "assignable": 1}, "node 2: unexpected 'assignable': 1"),
        ({"id": "a", "name": "A", "assignable": "yes"}, "node 2: unexpected 'assignable': 'yes'"),
        ({"id": "a", "name": "A", "replaced_by": False}, "node 2: unexpected 'replaced_by': False"),
        ({"id": "a", "name": "A", "line": 3}, "node 2: unexpected 'line': 3"),
        ({"id": "a", "name": "A", "colour": "red"}, "node 2: unexpected 'colour': 'red'"),
        ({"id": "a", "name": "A", "__class__": "x"}, "node 2: unexpected '__class__': 'x'"),
    ],
)
def test_a_wrong_node_is_refused(refusal: Refusal, entry: Any, message: str) -> None:
    """Wrong types, missing keys and unknown keys: the message counts the node and shows the value."""
    assert refusal(body({"id": "root", "name": "Root"}, entry)) == message


def test_a_long_value_is_cut_in_the_message(refusal: Refusal) -> None:
    assert len(refusal(body({"id": "a", "name": "A", "colour": "red" * 10_000}))) < 120


@pytest.mark.parametrize("depth", [100, 1_000, 100_000])
def test_deep_nesting_is_refused(refusal: Refusal, depth: int) -> None:
    """Never a RecursionError."""
    nested = "[" * depth + "]" * depth
    message = refusal(f'{{"format":"cladist-taxonomy/1","nodes":[{{"id":"a","name":"A","parents":{nested}}}]}}')
    assert message in {"JSON nested too deeply", "node 1: 'parents' must hold text only"}


def test_torn_json_names_the_line(refusal: Refusal) -> None:
    torn = '{"format": "cladist-taxonomy/1",\n "nodes": [\n  {"id": "a", "na'
    assert refusal(torn).startswith("line 3: not JSON: ")


@pytest.mark.parametrize("number", ["1" * 5000, "-" + "9" * 5000])
def test_an_enormous_number_is_refused(refusal: Refusal, number: str) -> None:
    assert refusal(f'{{"format":"cladist-taxonomy/1","nodes":[],"x":{number}}}')


@pytest.mark.parametrize("field", ["id", "name", "description"])
def test_text_that_is_no_unicode(refusal: Refusal, field: str) -> None:
    """A lone surrogate can be in no UTF-8 file and so in no release."""
    assert "node 1" in refusal(body({"id": "a", "name": "A", field: "x\ud800"}))


def test_graph_rules_hold_for_files_too(refusal: Refusal) -> None:
    nodes = [{"id": "a", "name": "A", "parents": ["b"]}, {"id": "b", "name": "B", "parents": ["a"]}]
    assert refusal(body(*nodes)) == "cycle: 'a' -> 'b' -> 'a'"
    assert refusal(body()) == "the taxonomy is empty"


def test_the_least_file(read: Callable[..., Any]) -> None:
    """An id and a name are enough, and spelt-out defaults change nothing."""
    least = read(body({"id": "a", "name": "A"}))
    spelt = read(body({"id": "a", "name": "A", "parents": [], "assignable": False, "description": "", "names": {}}))
    assert release(least) == release(spelt)
