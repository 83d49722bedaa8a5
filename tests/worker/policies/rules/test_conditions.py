"""What each condition means, by one asset that fulfils it and one that does not, and the words for why not."""

from datetime import UTC, datetime
from typing import Any

import pytest
from policies import COAST, DAGGER, HEAD, compiled, facts

from worker.policies.rules.explain import explain
from worker.policies.rules.facts import Facts

UNLIKE: dict[str, Any] = {
    "reason": "unlike anything in the taxonomy: energy 3 > limit 2, which 0.02 of known assets exceed"
}
MULTI: dict[str, Any] = {"decided": ("w", "k", "d", "l")}


def several(decided: tuple[str, ...]) -> Facts:
    """An asset that may carry several labels."""
    found = facts(DAGGER, "d")
    object.__setattr__(found.prediction, "decided", decided)
    return found


@pytest.mark.parametrize(
    ("rule", "asset", "why"),
    [
        # under, by decision
        ("if: {under: Weapons}", facts(DAGGER, "d"), None),
        ("if: {under: w}", facts(DAGGER, "w"), None),
        ("if: {under: Weapons > Knives}", facts(DAGGER, "w"), "Weapons > Knives is not decided"),
        ("if: {under: Weapons}", facts(COAST, "c"), "Weapons is not decided"),
        ("if: {under: Weapons}", facts(DAGGER, None), "Weapons is not decided"),
        ("if: {under: [Coast, Guns]}", facts({"w": 0.9, "g": 0.6, "b": 0.5}, "b"), None),  # by its other parent
        # under, by confidence, wherever the best answer is
        ("if: {under: Weapons, min_confidence: 0.2}", facts(COAST, "c"), None),
        ("if: {under: Weapons, min_confidence: 0.5}", facts(COAST, "c"), "Weapons has 0.300, less than 0.5"),
        ("if: {under: Weapons, min_confidence: 0.5}", facts(DAGGER, None), None),
        ("if: {under: Machetes, min_confidence: 0.2}", facts(DAGGER, "d"), None),
        ("if: {under: Guns, min_confidence: 0.1}", facts(DAGGER, "d"), "Guns has 0.000, less than 0.1"),
        # a bound from above, or a margin, is about the best answer
        ("if: {under: Weapons, max_confidence: 0.95}", facts(DAGGER, "d"), None),
        ("if: {under: Weapons, max_confidence: 0.9}", facts(DAGGER, "d"), "Weapons has 0.900, not less than 0.9"),
        ("if: {under: Weapons, max_confidence: 0.95}", facts(COAST, "c"), "the best answer is not under Weapons"),
        ("if: {under: Knives, max_margin: 0.8}", facts(DAGGER, "d"), None),
        ("if: {under: Knives, max_margin: 0.5}", facts(DAGGER, "d"), "Knives leads by 0.720, more than 0.5"),
        ("if: {under: Weapons, min_confidence: 0.5, max_confidence: 1}", facts({"w": 1.0}, "w"), None),
        # level
        ("if: {level: 3}", facts(DAGGER, "d"), None),
        ("if: {level: 3}", facts(DAGGER, "k"), "the decision is of level 2, not of 3"),
        ("if: {level: 3, min_confidence: 0.6}", facts(DAGGER, "k"), None),
        ("if: {level: 3, min_confidence: 0.61}", facts(DAGGER, "k"), "Daggers has 0.600, less than 0.61"),
        ("if: {level: 3, min_confidence: 0.1}", facts({"l": 0.7, "c": 0.5}, "c"), "there is no label at level 3"),
        ("if: {level: 3, max_margin: 0.4}", facts(DAGGER, "d"), None),
        ("if: {level: 3, max_margin: 0.3}", facts(DAGGER, "d"), "Daggers leads by 0.400, more than 0.3"),
        ("if: {level: 2, under: Weapons, min_confidence: 0.5}", facts(DAGGER, "d"), None),
        ("if: {level: 2, under: Weapons, min_confidence: 0.1}", facts(COAST, "c"),
         "Coast, of level 2, is not under Weapons"),
        # the decision's own confidence
        ("if: {min_confidence: 0.6}", facts(DAGGER, "d"), None),
        ("if: {min_confidence: 0.7}", facts(DAGGER, "d"), "Daggers has 0.600, less than 0.7"),
        ("if: {max_confidence: 0.5}", facts(DAGGER, None), None),
        ("if: {min_confidence: 0.1}", facts(DAGGER, None), "the decision, which is none, has 0.000, less than 0.1"),
        # all others
        ("if: {unlike: true}", facts(DAGGER, None, **UNLIKE), None),
        ("if: {unlike: true}", facts(DAGGER, None), "it looks like something in the taxonomy"),
        ("if: {unlike: false}", facts(DAGGER, None, **UNLIKE), "it looks like nothing in the taxonomy"),
        ("if: {tenant: [acme, other]}", facts(DAGGER, "d", tenant="acme"), None),
        ("if: {tenant: acme}", facts(DAGGER, "d"), "tenant is default, not acme"),
        ("if: {hash_list: terror}", facts(DAGGER, "d", hash_lists=("terror", "x")), None),
        ("if: {hash_list: terror}", facts(DAGGER, "d", hash_lists=("x",)), "the content is in x, not in terror"),
        ("if: {hash_list: terror}", facts(DAGGER, "d"), "the content is not in terror"),
        ("if: {between: 11:00-13:00}", facts(DAGGER, "d"), None),
        ("if: {between: 13:00-11:00}", facts(DAGGER, "d"), "it is 12:00, not between 13:00 and 11:00"),
        ("if: {labels: {any: [Guns, Knives]}}", several(("w", "k", "l")), None),
        ("if: {labels: {any: [Guns]}}", several(("w", "k", "l")), "none of Guns is decided"),
        ("if: {labels: {all: [Knives, Landscape]}}", several(("k", "l")), None),
        ("if: {labels: {all: [Knives, Forest]}}", several(("k", "l")), "Forest is not decided"),
        ("if: {labels: {none: [Forest]}}", several(("k", "l")), None),
        ("if: {labels: {none: [Weapons]}}", several(("k", "l")), "Weapons is decided"),
        ("if: {}", facts(DAGGER, None), None),
    ],
)  # fmt: skip
def test_a_condition(rule: str, asset: Facts, why: str | None) -> None:
    found = explain(compiled(rule), asset)
    assert found.tried == (() if why is None else (("r0", why),))


def test_hours_are_those_of_the_policys_zone() -> None:
    policy = compiled("if: {between: 22:00-06:00}", head=HEAD + "timezone: Asia/Tokyo\n")
    night, day = (datetime(2026, 7, 1, hour, 30, tzinfo=UTC) for hour in (14, 3))  # 23:30 and 12:30 in Tokyo
    assert policy.route(facts(DAGGER, "d", at=night)).rule == 0
    assert policy.route(facts(DAGGER, "d", at=day)).rule is None


THRESHOLDS = HEAD + "thresholds: {Weapons: 0.95, Daggers: 0.5}\n"


@pytest.mark.parametrize(
    ("rule", "decided", "why"),
    [
        ("if: {under: Weapons}", "d", None),  # Daggers has 0.6, and its own threshold is 0.5
        ("if: {under: Weapons}", "k", "Knives has 0.800, less than its threshold 0.95"),  # inherited
        ("if: {under: Weapons}", None, "Weapons is not decided"),
        ("if: {under: Daggers}", "k", "Daggers is not decided"),
        ("if: {under: Knives, min_confidence: 0.7}", "k", None),  # a confidence that is named is the one that counts
        ("if: {level: 3}", "d", None),
        ("if: {level: 2}", "k", "Knives has 0.800, less than its threshold 0.95"),
        ("if: {tenant: default}", "k", None),  # asks for no node
    ],
)
def test_a_decision_must_be_as_sure_as_the_threshold_of_its_node(
    rule: str, decided: str | None, why: str | None
) -> None:
    found = explain(compiled(rule, head=THRESHOLDS), facts(DAGGER, decided))
    assert found.tried == (() if why is None else (("r0", why),))


def test_of_two_parents_the_nearer_threshold_counts_and_of_two_as_near_the_stricter() -> None:
    head = HEAD + "thresholds: {Knives: 0.4, Guns: 0.7}\n"
    probs = {"w": 0.9, "k": 0.8, "g": 0.8, "b": 0.6}
    assert explain(compiled("if: {under: Bayonets}", head=head), facts(probs, "b")).tried == (
        ("r0", "Bayonets has 0.600, less than its threshold 0.7"),
    )
