"""Which rule decides: the first that matches, found by an index that may leave out none."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policies import DAGGER, NODES, compiled, document, facts

from worker.policies.rules.check import check_policy
from worker.policies.rules.explain import explain

NAMES = ["Weapons", "Knives", "Daggers", "Machetes", "Guns", "Bayonets", "Landscape", "Coast", "Forest"]
NUMBERS = [0.1, 0.3, 0.5, 0.7, 0.9]


@st.composite
def rules(draw: st.DrawFn) -> str:
    parts = []
    if draw(st.booleans()):
        parts.append(f"under: [{', '.join(draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2)))}]")
    if draw(st.integers(0, 3)) == 0:
        parts.append(f"level: {draw(st.integers(1, 3))}")
    low = draw(st.sampled_from([None, None, *NUMBERS]))
    if low is not None:
        parts.append(f"min_confidence: {low}")
    high = draw(st.sampled_from([None, None, *NUMBERS]))
    if high is not None and (low is None or low < high):
        parts.append(f"max_confidence: {high}")
    if draw(st.integers(0, 4)) == 0:
        parts.append(f"max_margin: {draw(st.sampled_from(NUMBERS))}")
    if draw(st.integers(0, 4)) == 0:
        parts.append(f"tenant: {draw(st.sampled_from(['a', '[a, b]']))}")
    return f"if: {{{', '.join(parts)}}}"


@st.composite
def assets(draw: st.DrawFn) -> dict[str, float]:
    """Coherent probabilities: terminals share one, and what lies above has what lies below."""
    weights = draw(st.lists(st.integers(0, 9), min_size=5, max_size=5).filter(any))
    total = sum(weights)
    d, m, b, c, f = (weight / total for weight in weights)
    g = b
    k = d + m + b
    probs = {"w": k, "k": k, "d": d, "m": m, "g": g, "b": b, "l": c + f, "c": c, "f": f}
    return {node: round(prob, 6) for node, prob in probs.items()}


@given(st.lists(rules(), min_size=1, max_size=6), assets(), st.sampled_from(["a", "b", "c"]), st.booleans())
def test_the_index_leaves_out_no_rule(said: list[str], probs: dict[str, float], tenant: str, decided: bool) -> None:
    policy = compiled(*said)
    asset = facts(probs, max(probs, key=lambda node: (probs[node], node)) if decided else None, tenant=tenant)
    first = next((number for number, rule in enumerate(policy.rules) if rule.holds(asset)), None)
    assert policy.route(asset).rule == first
    assert len(explain(policy, asset).tried) == (len(said) if first is None else first)


@given(st.lists(rules(), min_size=2, max_size=6), st.lists(assets(), min_size=1, max_size=12), st.booleans())
def test_a_rule_that_is_said_never_to_match_never_does(
    said: list[str], many: list[dict[str, float]], decided: bool
) -> None:
    check = check_policy(document(*said), NODES)
    policy = compiled(*said)
    never = {each.rule for each in (*check.warnings, *check.errors) if "can never match" in each.message}
    for probs in many:
        for tenant in ("a", "b"):
            asset = facts(probs, max(probs, key=lambda node: (probs[node], node)) if decided else None, tenant=tenant)
            assert policy.rule_name(policy.route(asset).rule) not in never


def test_a_sample_of_what_nobody_would_see_is_the_same_each_time() -> None:
    policy = compiled("if: {under: Weapons}", tail="audit: {share: 0.25, queue: audit}\n")
    drawn = [policy.route(facts(DAGGER, "d", asset=f"asset {number}")) for number in range(2000)]
    again = [policy.route(facts(DAGGER, "d", asset=f"asset {number}")) for number in range(2000)]
    assert drawn == again
    assert Counter(each.sampled for each in drawn)[True] == pytest.approx(500, abs=100)
    assert all(each.queue == ("audit" if each.sampled else None) for each in drawn)
    assert all(each.then.action == "accept" for each in drawn)


def test_what_goes_to_a_person_anyway_is_not_drawn() -> None:
    policy = compiled(tail="audit: {share: 1, queue: audit}\n")
    assert policy.route(facts(DAGGER, "d")).queue == "general"
