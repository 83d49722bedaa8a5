"""`cladist policy` and `cladist routings`, as people type them."""

import json

from command_line import Cladist
from fixture_types import MakeBundle
from PIL import Image

POLICY = """policy: shapes
metadata: {age: int}
default: {action: review, queue: general}
rules:
  - name: young
    when: age < 18
    then: {action: review, queue: kids, priority: 10}
  - name: any shape
    if: {under: Shape, min_confidence: 0.0001}
    then: {action: accept, collection: shapes}
  - name: discs
    if: {under: Disc, min_confidence: 0.5}
    then: {action: reject}
"""


def test_from_a_document_to_an_explanation(cladist: Cladist, make_bundle: MakeBundle) -> None:
    make_bundle(cladist.folder / "b")
    Image.new("RGB", (40, 40), (200, 20, 20)).save(cladist.folder / "a.png")
    (cladist.folder / "m.csv").write_text("uri,age\na.png,30\n")
    (cladist.folder / "p.yaml").write_text(POLICY)
    schema = json.loads("\n".join(cladist.ok("policy", "schema")))
    assert schema["properties"]["rules"]
    (unchecked,) = map(json.loads, cladist.ok("policy", "check", "p.yaml", "--json"))
    assert "nodes are not checked" in unchecked["warnings"][0]["message"]
    cladist.ok("db", "upgrade")
    cladist.ok("bundle", "add", "b")
    (checked,) = map(json.loads, cladist.ok("policy", "check", "p.yaml", "--json"))
    assert [each["line"] for each in checked["rules"]] == [5, 8, 11]
    assert checked["errors"] == []
    assert [(each["rule"], each["line"]) for each in checked["warnings"]] == [("discs", 11)]
    assert cladist.ok("policy", "add", "p.yaml", "--activate") == ["shapes@1: added, active"]
    (cladist.folder / "p.yaml").write_text(POLICY.replace("age < 18", "age < 40"))
    assert cladist.ok("policy", "add", "p.yaml") == ["shapes@2: added"]
    (found,) = map(json.loads, cladist.ok("policy", "diff", "shapes@1", "shapes@2", "--json"))
    assert found["changed"] == [{"rule": "young", "parts": ["when"]}]
    cladist.ok("submit", "--manifest", "m.csv")
    cladist.ok("worker", "--drain")
    (routing,) = map(json.loads, cladist.ok("routings", "list", "--json"))
    assert (routing["rule"], routing["action"], routing["collection"]) == ("any shape", "accept", "shapes")
    (why,) = map(json.loads, cladist.ok("policy", "explain", "1", "--json"))
    assert why["tried"] == [{"rule": "young", "failed": "when: age < 18 is false"}]
    assert set(why) >= {"job", "policy", "version", "rule", "action", "queue", "collection", "tags", "tried"}
    (other,) = map(json.loads, cladist.ok("policy", "explain", "1", "--policy", "shapes@2", "--json"))
    assert (other["rule"], other["queue"]) == ("young", "kids")
    assert cladist.ok("policy", "activate", "shapes") == ["shapes@2 is active"]
    assert cladist.ok("policy", "rollback", "shapes") == ["shapes@1 is active again"]
    assert "".join(cladist.ok("policy", "show", "shapes@1")) == POLICY.replace("\n", "")


def test_what_is_refused(cladist: Cladist, make_bundle: MakeBundle) -> None:
    make_bundle(cladist.folder / "b")
    cladist.ok("db", "upgrade")
    cladist.ok("bundle", "add", "b")
    (cladist.folder / "p.yaml").write_text(POLICY.replace("under: Disc", "under: Disk"))
    assert "p.yaml: line 11: rule 'discs': no node has the id or path 'Disk'" in cladist.refused(
        "policy", "add", "p.yaml"
    )
    checked = cladist("policy", "check", "p.yaml", "--json")
    assert checked.returncode == 2
    assert json.loads(checked.stdout)["errors"][0]["line"] == 11
    (cladist.folder / "q.yaml").write_text("policy: [")
    assert "q.yaml: line" in cladist.refused("policy", "check", "q.yaml")
    assert json.loads(cladist("policy", "check", "q.yaml", "--json").stdout)["errors"]
    assert "no policy of all tenants is named 'x'" in cladist.refused("policy", "activate", "x")
    assert "no job with the id 5 has succeeded" in cladist.refused("policy", "explain", "5")
    assert "job 5 has no routing" in cladist.refused("routings", "show", "5")
    assert "No such file" in cladist.refused("policy", "check", "none.yaml")
