"""What `policy check` finds in well-formed documents."""

import pytest
from policies import HEAD, NODES, document

from worker.policies.rules.check import check_policy


@pytest.mark.parametrize(
    ("rules", "errors"),
    [
        (["if: {under: Nothing}"], ["no node has the id or path 'Nothing'"]),
        (["if: {labels: {any: [Knives, X], none: [Y]}}"], ["'X'", "'Y'"]),
        (["if: {min_confidence: 0.7, max_confidence: 0.5}"], ["min_confidence 0.7 is not below max_confidence 0.5"]),
        (["if: {level: 4}"], ["the taxonomy has 3 levels, not 4"]),
        (["if: {level: 3, under: Landscape}"], ["no node at or below Landscape is of level 3"]),
        (["if: {level: 1, under: Knives}"], ["no node at or below Knives is of level 1"]),
        (["if: {unlike: true, under: Weapons}"], ["can never match"]),
        (["if: {unlike: true, min_confidence: 0.5}"], ["can never match"]),
        (["if: {labels: {all: [Knives], none: [Knives]}}"], ["Knives is to be decided and not decided"]),
        (["if: {labels: {all: [Daggers], none: [Weapons]}}"], ["Daggers is to be decided and not decided"]),
        (["if: {labels: {any: [Daggers], none: [Knives]}}"], ["Daggers is to be decided and not decided"]),
        (["if: {under: Daggers, labels: {none: [Knives]}}"], ["Daggers is to be decided and not decided"]),
        (["if: {under: Daggers, min_confidence: 0.1, labels: {none: [Knives]}}"], []),
        (["when: nope"], ["column 1: undeclared reference"]),
        (["if: {under: Weapons}"], []),
    ],
)
def test_errors(rules: list[str], errors: list[str]) -> None:
    found = check_policy(document(*rules), NODES).errors
    assert len(found) == len(errors)
    assert all(
        part in each.message and each.rule == "r0" and each.line == 5 for each, part in zip(found, errors, strict=True)
    )


@pytest.mark.parametrize(
    ("rules", "by"),
    [
        (["if: {}", "if: {under: Weapons}"], "'r0'"),
        (["if: {under: Weapons}", "if: {under: Knives}"], "'r0'"),
        (["if: {under: Knives}", "if: {under: Weapons}"], None),
        (["if: {under: Weapons, min_confidence: 0.5}", "if: {under: Daggers, min_confidence: 0.6}"], "'r0'"),
        (["if: {under: Weapons, min_confidence: 0.5}", "if: {under: Daggers, min_confidence: 0.4}"], None),
        (["if: {under: Weapons, min_confidence: 0.5}", "if: {under: Daggers}"], None),
        (["if: {under: Weapons, max_confidence: 0.5}", "if: {under: Knives, max_confidence: 0.5}"], None),
        (["if: {max_confidence: 0.5}", "if: {min_confidence: 0.4}", "if: {min_confidence: 0.2, max_confidence: 0.9}"],
         "'r0' and 'r1'"),
        (["if: {max_confidence: 0.5}", "if: {min_confidence: 0.6}", "if: {min_confidence: 0.2, max_confidence: 0.9}"],
         None),
        (["if: {level: 2}", "if: {level: 3}"], "'r0'"),
        (["if: {level: 3}", "if: {level: 2}"], None),
        (["if: {tenant: [a, b]}", "if: {tenant: a, under: Knives}"], "'r0'"),
        (["if: {tenant: a}", "if: {under: Knives}"], None),
        (["when: age < 3", "if: {under: Knives}"], None),
        (["when: age < 3", "if: {under: Knives}, when: age < 3"], "'r0'"),
        (["if: {between: 22:00-06:00}", "if: {between: 23:00-01:00}"], "'r0'"),
        (["if: {between: 23:00-01:00}", "if: {between: 22:00-06:00}"], None),
        (["if: {labels: {any: [Weapons]}}", "if: {labels: {any: [Knives, Guns]}}"], "'r0'"),
        (["if: {labels: {all: [Weapons]}}", "if: {labels: {all: [Knives, Coast]}}"], "'r0'"),
        (["if: {labels: {none: [Knives]}}", "if: {labels: {none: [Weapons]}}"], "'r0'"),
        (["if: {labels: {none: [Weapons]}}", "if: {labels: {none: [Knives]}}"], None),
        (["if: {hash_list: [a, b]}", "if: {hash_list: a}"], "'r0'"),
        # the first two ask for the best path, the last does not
        (["if: {under: Knives, max_confidence: 0.5}", "if: {under: Knives, min_confidence: 0.5}",
          "if: {under: Knives, min_confidence: 0.3}"], None),
        (["if: {under: Knives, min_confidence: 0.2, max_confidence: 1}", "if: {under: Knives, min_confidence: 0.2}"],
         "'r0'"),
        (["if: {under: [Weapons, Daggers], level: 1}", "if: {under: [Weapons, Daggers], level: 3}"], None),
    ],
)  # fmt: skip
def test_rules_that_never_come_to_their_turn(rules: list[str], by: str | None) -> None:
    found = [each for each in check_policy(document(*rules), NODES).warnings if "can never match" in each.message]
    last = f"r{len(rules) - 1}"
    assert [(each.rule, each.line) for each in found] == ([] if by is None else [(last, 4 + len(rules))])
    assert by is None or f"{by} before it" in found[0].message


def test_a_threshold_that_a_rule_overrides_is_told() -> None:
    said = document("if: {under: Knives, min_confidence: 0.3}", head=HEAD + "thresholds: {Weapons: 0.5}\n")
    (warning,) = check_policy(said, NODES).warnings
    assert "min_confidence 0.3 overrides the threshold 0.5 of Knives" in warning.message


def test_a_list_that_is_not_there_is_told() -> None:
    (warning,) = check_policy(document("if: {hash_list: [known, gone]}"), NODES, {"known"}).warnings
    assert warning.message == "there is no hash list 'gone' yet"
    assert check_policy(document("if: {hash_list: gone}"), NODES).warnings == ()


@pytest.mark.parametrize(("head", "said"), [
    ("thresholds: {Nothing: 0.5}\n", "thresholds: no node has the id or path 'Nothing'"),
    ("thresholds: {Weapons: 0.5, w: 0.6}\n", "thresholds: 'w' names a node that is named above as well"),
])  # fmt: skip
def test_thresholds_of_nodes_that_are_not_there(head: str, said: str) -> None:
    (error,) = check_policy(document(head=HEAD + head), NODES).errors
    assert (error.line, said in error.message) == (4, True)
