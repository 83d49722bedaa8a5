"""Documents: what people write, and the one line that they get back."""

import json

import pytest
from policies import HEAD, document

from worker.policies.rules.document import MAX_RULES, parse_policy, policy_schema
from worker.policies.rules.errors import PolicyError

DESIGN = """
policy: moderation
metadata: {author_age: int, channel: string}
default: {action: review, queue: general}
rules:
  - name: weapons go to specialists
    if: {under: Weapons, min_confidence: 0.5}
    when: author_age < 18
    then: {action: review, queue: weapons, priority: 10, tags: [minor]}
  - name: clear landscapes
    if: {under: Landscape, min_confidence: 0.97}
    then: {action: accept, collection: landscapes}
audit: {share: 0.02, queue: audit}
"""


def test_the_example_of_the_design_is_read() -> None:
    read = parse_policy(DESIGN, "p.yaml")
    first, second = read.policy.rules
    assert (first.if_.under, first.if_.min_confidence, first.when) == (("Weapons",), 0.5, "author_age < 18")
    assert (first.then.queue, first.then.priority, first.then.tags) == ("weapons", 10, ("minor",))
    assert (second.then.action, second.then.collection) == ("accept", "landscapes")
    assert [read.rule_line(0), read.rule_line(1)] == [6, 10]


def test_json_is_read_as_well() -> None:
    text = json.dumps({"policy": "p", "default": {"action": "accept"}, "rules": [], "audit": None})
    assert parse_policy(text, "p.json").policy.default.action == "accept"


def test_a_country_is_no_truth_value() -> None:
    """YAML 1.1 reads NO as false."""
    assert document("if: {under: NO}").policy.rules[0].if_.under == ("NO",)


RULE = HEAD + "rules:\n  - name: a\n    %s\n    then: {action: accept}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "p.yaml: line 1: a policy is a mapping"),
        ("[1, 2]", "p.yaml: line 1: a policy is a mapping"),
        ("policy: [", "not YAML"),
        ("policy: p", "default is missing"),
        ("policy: a b\ndefault: {action: accept}", "line 1: policy"),
        ("policy: p\ndefault: {action: review}", "line 2: a review needs a queue"),
        ("policy: p\ndefault: {action: accept, queue: q}", "line 2: accept has no review queue"),
        ("policy: p\ndefault: {action: nope}", "line 2: default.action"),
        ("policy: p\npolicy: q\ndefault: {action: accept}", "line 2: 'policy' is said twice"),
        ("policy: &a p\ndefault: {action: accept}\nrules: *a", "line 1: an anchor or alias"),
        ("policy: p\n---\npolicy: q", "several documents"),
        ("? [a]\n: b", "a key that is a list"),
        ("policy: p\ntimezone: Mars/Base\ndefault: {action: accept}", "'Mars/Base' is no time zone"),
        (f"{HEAD}metadata: {{a: int}}", "'metadata' is said twice"),
        ("policy: p\nmetadata: {a b: int}\ndefault: {action: accept}", "line 2: metadata"),
        ("policy: p\nmetadata: {a: number}\ndefault: {action: accept}", "line 2: metadata.a"),
        (RULE % "if: {undr: x}", "line 6: rule 'a': there is no 'undr' here"),
        (RULE % "if: {min_confidence: 1.2}", "line 6: rule 'a': if.min_confidence"),
        (RULE % "if: {min_confidence: nan}", "line 6: rule 'a': if.min_confidence"),
        (RULE % "if: {under: []}", "line 6: rule 'a': if.under"),
        (RULE % "if: {between: 25:00-03:00}", "is not HH:MM-HH:MM"),
        (RULE % "if: {between: 10:00-10:00}", "from one time to another"),
        (RULE % "if: {labels: {}}", "labels needs any, all or none"),
        (RULE % f"when: {'(' * 3000}", "line 6: rule 'a': when"),
        (HEAD + "rules:\n  - {then: {action: accept}}", "line 5: rule 'number 1': name is missing"),
        (HEAD + "rules:\n  - {name: default, then: {action: accept}}", "may not be named default"),
        (
            HEAD + "rules:\n" + "  - {name: a, then: {action: accept}}\n" * 2,
            "line 6: rule 'a': has the name of the rule in line 5",
        ),
        (HEAD + "rules:\n" + "".join(f"  - {{name: r{n}, then: {{action: accept}}}}\n" for n in range(MAX_RULES + 1)),
         "line 4: rules"),
        ("[" * 1_000_000, "nested more than 16 deep"),
        ("a: " * 100 + "b", "not YAML"),
        ("policy: " + "p" * (1 << 20), "a policy of more than"),
        ("policy: \0", "not YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_line_with_its_place(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p.yaml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_aliases_that_multiply_are_refused_before_they_do() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    with pytest.raises(PolicyError, match="line 1: an anchor or alias"):
        parse_policy(bomb, "p.yaml")


def test_the_schema_names_every_key_of_a_rule() -> None:
    schema = policy_schema()
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert set(schema["$defs"]["Rule"]["properties"]) == {"name", "if", "when", "then"}
    assert {
        "under",
        "level",
        "min_confidence",
        "max_margin",
        "unlike",
        "tenant",
        "between",
        "labels",
        "hash_list",
    } <= set(schema["$defs"]["If"]["properties"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RULE % "if:\n      under:", "line 7: rule 'a': under is blank"),
        (RULE % "if:", "line 6: rule 'a': if is blank"),
        (RULE % "when: ~", "line 6: rule 'a': when is blank"),
        (RULE % "if: {under: !!null x}", "line 6: the tag 'tag:yaml.org,2002:null'"),
        (RULE % 'if: {under: "a\\0b"}', "has a control character"),
        (RULE % "if: {between: 10:00:10-10:00:50}", "is not HH:MM-HH:MM"),
        ("policy: p\ndefault: {action: accept}\ntimezone: America", "line 3: 'America' is no time zone"),
        ("policy: p\ndefault: {action: accept}\ntimezone: localtime", "line 3: 'localtime' is no time zone"),
    ],
)
def test_what_would_not_mean_what_it_says_is_refused(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p.yaml")
    assert said in str(caught.value)
