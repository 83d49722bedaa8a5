"""`when`: typed, bounded, and nothing but true matches."""

from typing import Any

import pytest
from policies import compiled, facts

from worker.policies.rules.cel import compile_when
from worker.policies.rules.errors import PolicyError

DECLARED = {
    "age": "int",
    "channel": "string",
    "score": "float",
    "vip": "bool",
    "tags": "list[string]",
    "at": "timestamp",
}


@pytest.mark.parametrize(
    ("text", "metadata", "why"),
    [
        ("age < 18", {"age": 3}, None),
        ("age < 18", {"age": "3"}, None),  # as a CSV manifest has it
        ("age < 18", {"age": 30}, "is false"),
        ("age < 18", {}, "age is missing"),
        ("age < 18", {"age": None}, "age is missing"),
        ("age < 18", {"age": "x"}, "age is 'x', not int"),
        ("age < 18", {"age": True}, "age is True, not int"),
        ("age < 18", {"age": 1.5}, "age is 1.5, not int"),
        ("age < 18", {"age": 2**70}, "not int"),
        ("age < 18 || channel == 'web'", {"channel": "web"}, None),
        ("age < 18 && channel == 'web'", {"channel": "web"}, "age is missing"),
        ("score > 0.5", {"score": 1}, None),
        ("score > 0.5", {"score": float("nan")}, "is false"),
        ("vip", {"vip": "true"}, None),
        ("vip", {"vip": 1}, "vip is 1, not bool"),
        ("'a' in tags", {"tags": ["a"]}, None),
        ("'a' in tags", {"tags": "a"}, "not list[string]"),
        ("at < timestamp('2026-01-01T00:00:00Z')", {"at": "2025-12-31"}, None),
        ("channel == 'x'", {"channel": "\ud800"}, "not string"),
        ("channel.size() == 1", {"channel": {"a": 1}}, "not string"),
        ("1 / (age - age) == 1", {"age": 1}, "divide by zero"),
        ("tags[5] == 'a'", {"tags": ["a"]}, "when:"),
    ],
)
def test_only_true_is_true(text: str, metadata: dict[str, Any], why: str | None) -> None:
    found = compile_when(text, DECLARED)(metadata)
    assert (found is None) if why is None else (why in (found or ""))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nope < 1", "column 1: undeclared reference to 'nope'"),
        ("age < 'x'", "column 5: found no matching overload"),
        ("age < 1.5", "column 5: found no matching overload"),
        ("age", "is INT, not true or false"),
        ("age +", "column 6: Syntax error"),
        ("age <\n  'x'", "line 1 of it, column 5|column 5"),
        ("(" * 900 + "true" + ")" * 900, "recursion limit"),
        ("[" * 900 + "]" * 900 + " == []", "recursion limit"),
        ("channel.nope() == 1", "column 13: undeclared reference to 'nope'"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_column(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said.replace("(", r"\(")) as caught:
        compile_when(text, DECLARED)
    assert "\n" not in str(caught.value)


def test_a_wrong_expression_names_rule_and_line() -> None:
    with pytest.raises(
        PolicyError, match=r"p\.yaml: line 5: rule 'r0': when: column 1: undeclared reference to 'nope'"
    ):
        compiled("when: nope == 1")


def test_an_expression_that_goes_on_and_on_is_no_match() -> None:
    """The budget of iterations ends it; a quadratic one over 1,000 values would take a million."""
    found = compile_when("tags.all(x, tags.all(y, x == y))", DECLARED)({"tags": ["a"] * 1000})
    assert "Iteration budget exceeded" in (found or "")


def test_a_regular_expression_cannot_hang() -> None:
    """It would take years where it backtracks."""
    assert compile_when("channel.matches('(a+)+$')", DECLARED)({"channel": "a" * 100_000 + "b"}) is not None


def test_a_rule_with_when_needs_both() -> None:
    policy = compiled("if: {under: Weapons, min_confidence: 0.5}, when: age < 18")
    probs = {"w": 0.9, "k": 0.8, "d": 0.7}
    assert policy.route(facts(probs, "d", metadata={"age": 3})).rule == 0
    assert policy.route(facts(probs, "d", metadata={"age": 30})).rule is None
    assert policy.route(facts({"l": 0.9, "c": 0.8}, "c", metadata={"age": 3})).rule is None
