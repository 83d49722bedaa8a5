"""Statements of reasons: filled by a mapping, as the transparency database takes them, and never half."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
from audit_trail import AT, routing, write

from taxonomy import CladistError, Node, Taxonomy, release
from worker.audit.activations import add_release
from worker.audit.dsa.mapping import read_mapping
from worker.audit.dsa.schema import countries, statement_schema, wrong_with
from worker.audit.dsa.statements import Statements, statement_lines
from worker.audit.export import Choice, chosen_rows
from worker.audit.records import ReviewRecord, RoutingRecord
from worker.db.engine import Database
from worker.states import Action

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "dsa_mapping.yaml"
TREE = Taxonomy(
    [
        Node("polygon", "polygon"),
        Node("star", "star", ("polygon",)),
        Node("pentagram", "pentagram", ("star",)),
        Node("hexagon", "hexagon", ("polygon",)),
        Node("curve", "curve"),
        Node("sign", "sign", ("polygon", "curve")),
        Node("east", "twin", ("polygon",)),
        Node("west", "twin", ("curve",)),
    ]
)
WHOLE = """
defaults:
  territorial_scope: [DE, NO]
  decision_visibility: DECISION_VISIBILITY_CONTENT_REMOVED
  decision_ground: DECISION_GROUND_INCOMPATIBLE_CONTENT
  incompatible_content_ground: terms
  incompatible_content_explanation: $path is not allowed
  incompatible_content_illegal: No
"""
VIOLENCE, SELF_HARM = "STATEMENT_CATEGORY_VIOLENCE", "STATEMENT_CATEGORY_SELF_HARM"
Export = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def export(database: Database, tmp_path: Path) -> Export:
    """A function that writes records, and exports all there are by a mapping."""
    with database.write() as tx:
        add_release(tx, TREE)

    def make(mapping: str | Path, *records: RoutingRecord | ReviewRecord) -> list[dict[str, Any]]:
        write(database, *records)
        path = mapping if isinstance(mapping, Path) else tmp_path / "m.yaml"
        if isinstance(mapping, str):
            path.write_text(mapping)
        return list(Statements(database, read_mapping(path)).of(chosen_rows(database, Choice())))

    return make


def rejected(job: int, node: str | None, rule: str | None = "a rule") -> RoutingRecord:
    return routing(job, action=Action.REJECT, node=node, release=release(TREE), rule=rule)


def reviewed(job: int, node: str, before: Action | None = Action.REVIEW) -> ReviewRecord:
    return ReviewRecord(
        at=AT, tenant=1, job=job, asset_sha256="a" * 64, action=Action.REJECT, by="ana@example.com", before=before,
        node=node, release=release(TREE), submitted_at=AT - timedelta(days=2),
    )  # fmt: skip


def test_the_example_fills_whole_statements(export: Export) -> None:
    """Inherited down the tree, by action, and by rule, which has the last word."""
    by_node, below, by_rule, by_a_person = export(
        EXAMPLE,
        rejected(1, "hexagon"),
        rejected(2, "pentagram"),
        rejected(3, None, "known material"),
        reviewed(4, "hexagon"),
    )
    assert by_node == {
        "decision_visibility": ["DECISION_VISIBILITY_CONTENT_REMOVED"],
        "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "decision_ground_reference_url": "https://example.com/terms",
        "incompatible_content_ground": "Section 4 of the terms, prohibited motifs",
        "incompatible_content_explanation": ("The content shows hexagon, which section 4 of the terms does not allow."),
        "content_type": ["CONTENT_TYPE_IMAGE"],
        "content_language": "EN",
        "content_date": "2026-03-04",
        "category": "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
        "territorial_scope": countries("EU"),
        "application_date": "2026-03-04",
        "decision_facts": (
            "An automated classifier assigned the content to 'hexagon' with a confidence of 0.875; rule 'a rule' of the"
            " moderation policy 'moderation', version 3, applied."
        ),
        "source_type": "SOURCE_VOLUNTARY",
        "automated_detection": "Yes",
        "automated_decision": "AUTOMATED_DECISION_FULLY",
        "puid": by_node["puid"],
    }
    assert below["category"] == "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY"
    assert below["incompatible_content_ground"] == by_node["incompatible_content_ground"]
    assert by_rule["category"] == "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"
    assert by_a_person["automated_decision"] == "AUTOMATED_DECISION_PARTIALLY"
    assert by_a_person["content_date"] == "2026-03-02"


def test_only_what_restricts_makes_a_statement(export: Export) -> None:
    """Not what was accepted or waits, nor a review that confirms what was rejected already."""
    found = export(
        EXAMPLE,
        routing(1),
        routing(2, action=Action.REVIEW),
        replace(reviewed(3, "hexagon"), action=Action.ACCEPT),
        reviewed(4, "hexagon", before=Action.REJECT),
        reviewed(5, "hexagon"),
    )
    assert len(found) == 1


def test_a_statement_names_no_person_asset_or_tenant(export: Export) -> None:
    """Its id is the hash of the record, by which its owner finds them."""
    record = reviewed(1, "hexagon")
    (found,) = export(EXAMPLE, record)
    text = json.dumps(found)
    assert record.by not in text
    assert record.asset_sha256 not in text
    assert len(found["puid"]) == 64


def test_a_country_and_an_answer_are_texts(export: Export) -> None:
    """YAML would take NO and No for false."""
    (found,) = export(f"{WHOLE}  category: STATEMENT_CATEGORY_VIOLENCE\n", rejected(1, "hexagon"))
    assert (found["territorial_scope"], found["incompatible_content_illegal"]) == (["DE", "NO"], "No")


@pytest.mark.parametrize(
    ("mapping", "record", "why"),
    [
        (WHOLE, rejected(1, "hexagon"), "m.yaml: record 2, reject of 'polygon > hexagon': not covered: no category"),
        (WHOLE, reviewed(1, "hexagon"), "m.yaml: record 2, review of 'polygon > hexagon': not covered: no category"),
        (WHOLE, rejected(1, None), "m.yaml: record 2, reject of 'no node': not covered: no category"),
        ("{}", rejected(1, "hexagon"), "not covered: no decision_ground, category, territorial_scope"),
        (
            WHOLE.replace("  decision_visibility: DECISION_VISIBILITY_CONTENT_REMOVED\n", "")
            + "  category: STATEMENT_CATEGORY_VIOLENCE\n",
            rejected(1, "hexagon"),
            "not covered: no decision: one of decision_visibility",
        ),
        (
            f"{WHOLE}nodes:\n  polygon: {{category: {VIOLENCE}}}\n  curve: {{category: {SELF_HARM}}}\n",
            rejected(1, "sign"),
            "not covered: 'curve' and 'polygon', both above it, give another category",
        ),
        (
            f"{WHOLE}  category: STATEMENT_CATEGORY_VIOLENCE\n  content_type: CONTENT_TYPE_OTHER\n",
            rejected(1, "hexagon"),
            "not covered: no content_type_other",
        ),
        (
            f"{WHOLE}  category: STATEMENT_CATEGORY_VIOLENCE\n  decision_facts: {'$path ' * 900}\n",
            rejected(1, "hexagon"),
            "decision_facts: must be shorter than or equal to 5000 characters",
        ),
    ],
)  # fmt: skip
def test_what_is_not_covered_is_one_line(export: Export, mapping: str, record: RoutingRecord, why: str) -> None:
    """With the record, its action and its node."""
    with pytest.raises(CladistError) as caught:
        export(mapping, record)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


HOSTILE = {
    "no mapping": ("- a\n", "line 1: the mapping: "),
    "a part that is none": ("defaults: {}\nstuff: {}\n", "line 2: stuff: Extra inputs"),
    "a field that is none": ("defaults:\n  categroy: X\n", "line 2: defaults.categroy: Extra inputs"),
    "an action that restricts nothing": ("actions:\n  accept: {}\n", "line 2: actions.accept: Input should be"),
    "a value that is none": ("nodes:\n  star:\n    category: BAD\n", "line 3: nodes.star.category: 'BAD' is"),
    "a value in a list": (
        "rules:\n  r:\n    content_type: [CONTENT_TYPE_IMAGE, X]\n", "line 3: rules.r.content_type: 'X' is",
    ),
    "a list for a text": ("defaults:\n  category: [a]\n", "line 2: defaults.category: Input should be a valid string"),
    "a key twice": ("nodes:\n  star: {}\n  polygon: {}\n  star: {}\n", "line 4: the key 'star' is there twice"),
    "a country of elsewhere": ("defaults:\n  territorial_scope: US\n", "defaults.territorial_scope: 'US' is not a"),
    "an unknown placeholder": ("defaults:\n  decision_facts: $by\n", "line 2: defaults.decision_facts: $by is none of"),
    "a lone dollar": ("defaults:\n  decision_facts: 5 $ a day\n", "line 2: defaults.decision_facts: a lone $"),
    "an address that is none": (
        "defaults:\n  decision_ground_reference_url: javascript:1\n", "defaults.decision_ground_reference_url: ",
    ),
    "too long": (f"defaults:\n  source_identity: {'x' * 501}\n", "line 2: defaults.source_identity: must be shorter"),
    "no YAML": ("defaults: [\n", "not YAML"),
    "two documents": ("defaults: {}\n---\ndefaults: {}\n", "m.yaml: "),
    "a bomb": (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)),
        "once its aliases are written out",
    ),
    "nested without end": ("[" * 100_000, "nested"),
    "an object of Python": ("defaults: !!python/object/apply:os.system [id]\n", "line 1: defaults: "),
    "a node of no release": ("nodes:\n  polygon: {}\n  nowhere: {}\n", "line 3: nodes.nowhere: no release"),
    "a name of two nodes": ("nodes:\n  twin: {}\n", "line 2: nodes.twin: several nodes are named 'twin'"),
    "a node by two names": ("nodes:\n  star: {}\n  polygon > star: {}\n", "line 3: nodes.polygon > star: it is"),
    "NUL": ("defaults:\n  category: a\0b\n", "m.yaml"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
def test_a_hostile_mapping_is_refused_in_one_line(export: Export, case: str) -> None:
    """With the file, and the line where there is one."""
    text, why = HOSTILE[case]
    with pytest.raises(CladistError) as caught:
        export(text)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_calls_hold_what_the_api_takes_at_once() -> None:
    """A hundred statements each, and the rest in the last."""

    def many() -> Iterator[dict[str, Any]]:
        yield from ({"puid": str(number)} for number in range(250))

    calls = [json.loads(line)["statements"] for line in statement_lines(many(), in_calls=True)]
    assert [len(call) for call in calls] == [100, 100, 50]
    assert [json.loads(line)["puid"] for line in statement_lines(many(), in_calls=False)] == list(map(str, range(250)))


def test_the_schema_is_one(export: Export) -> None:
    """It compiles, requires what the API requires, and takes no field that the API does not have."""
    (found,) = export(EXAMPLE, rejected(1, "hexagon"))
    assert wrong_with(found) is None
    for name in statement_schema()["required"]:
        assert wrong_with({key: value for key, value in found.items() if key != name}) == f"no {name}"
    assert "platform" in (wrong_with({**found, "platform": "x"}) or "")
    assert wrong_with({**found, "puid": "a b"})
    assert wrong_with({**found, "content_date": "1999-01-01"})
    assert len(countries("EEA") or ()) == 30
    fastjsonschema.compile(dict(statement_schema()))
