"""The audit on the command line."""

import csv
import io
import json
from pathlib import Path

import pytest
from audit_trail import link_all, routing, tampering, write
from command_line import Cladist
from sqlalchemy import text

from taxonomy import Node, Taxonomy, release
from worker.audit.activations import add_release
from worker.db.engine import Database
from worker.states import Action

TREE = Taxonomy([Node("polygon", "polygon"), Node("star", "star", ("polygon",)), Node("curve", "curve")])
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "dsa_mapping.yaml"


@pytest.fixture
def database(cladist: Cladist) -> Database:
    """That of the command's folder, with a rejection in it."""
    database = Database(f"sqlite:///{cladist.folder}/cladist.db")
    database.upgrade()
    with database.write() as tx:
        add_release(tx, TREE, by="=cmd()")
    write(database, routing(7, action=Action.REJECT, node="star", release=release(TREE)), routing(8))
    link_all(database)
    return database


@pytest.mark.usefixtures("database")
def test_verify_tells_of_every_chain(cladist: Cladist) -> None:
    """As a table and as JSON; one tenant's alone; with a head."""
    assert "default" in "".join(cladist.ok("audit", "verify"))
    (line,) = cladist.ok("audit", "verify", "--json")
    found = json.loads(line)
    assert found["intact"]
    assert [(chain["tenant"], chain["records"]) for chain in found["chains"]] == [("*", 1), ("default", 2)]
    head = found["chains"][1]["head"]
    (line,) = cladist.ok("audit", "verify", "--tenant", "default", "--head", head, "--json")
    assert [chain["tenant"] for chain in json.loads(line)["chains"]] == ["default"]
    assert cladist("audit", "verify", "--tenant", "default", "--head", "0" * 64).returncode == 1
    assert "is no hash of a link" in cladist.refused("audit", "verify", "--head", "abc")
    assert "no tenant is named 'x'" in cladist.refused("audit", "verify", "--tenant", "x")


def test_a_broken_chain_is_one_line_and_exit_1(cladist: Cladist, database: Database) -> None:
    """With tenant, link, record and what does not match."""
    with tampering(database) as tx:
        tx.execute(text("UPDATE audit_records SET content = replace(content, 'review', 'accept') || ' ' WHERE id = 3"))
    done = cladist("audit", "verify")
    assert done.returncode == 1
    assert done.stderr == (
        "BROKEN: tenant 'default', link 1, record 3: record changed: it does not have its hash, kind or tenant\n"
    )
    told = json.loads(cladist("audit", "verify", "--json").stdout)
    assert not told["intact"]
    assert told["chains"][1]["broken"]["record"] == 3


@pytest.mark.usefixtures("database")
def test_export_writes_three_formats(cladist: Cladist) -> None:
    """To standard output, and whole into a file."""
    assert [json.loads(line)["id"] for line in cladist.ok("audit", "export", "--format", "jsonl")] == [1, 2, 3]
    rows = list(csv.DictReader(io.StringIO("\n".join(cladist.ok("audit", "export", "--format", "csv")))))
    assert rows[0]["by"] == "'=cmd()"
    words = ("audit", "export", "--format", "dsa", "--mapping", str(EXAMPLE))
    (statement,) = map(json.loads, cladist.ok(*words))
    assert statement["category"] == "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY"
    (call,) = map(json.loads, cladist.ok(*words, "--json", "--tenant", "default", "--out", "dsa.json") or ["{}"])
    assert call == {}
    assert json.loads((cladist.folder / "dsa.json").read_text())["statements"] == [statement]
    late = cladist.ok("audit", "export", "--format", "jsonl", "--since", "2026-03-05", "--tenant", "default")
    assert late == []


@pytest.mark.usefixtures("database")
def test_nothing_is_exported_half(cladist: Cladist) -> None:
    """A record that the mapping does not cover is one line, and what was there before stays."""
    (cladist.folder / "m.yaml").write_text("nodes:\n  curve: {category: STATEMENT_CATEGORY_VIOLENCE}\n")
    (cladist.folder / "out.jsonl").write_text("as it was")
    words = ("audit", "export", "--format", "dsa", "--mapping", "m.yaml")
    refused = cladist.refused(*words, "--out", "out.jsonl")
    assert "m.yaml: record 2, reject of 'polygon > star': not covered: no decision_ground, category" in refused
    assert (cladist.folder / "out.jsonl").read_text() == "as it was"
    assert cladist(*words).stdout == ""
    assert not list(cladist.folder.glob("*.partial"))


@pytest.mark.usefixtures("database")
def test_options_that_do_not_go_together(cladist: Cladist) -> None:
    """One line each."""
    assert "--mapping" in cladist.refused("audit", "export", "--format", "dsa")
    assert "--mapping" in cladist.refused("audit", "export", "--format", "csv", "--mapping", "m.yaml")
    assert "--format dsa" in cladist.refused("audit", "export", "--format", "csv", "--json")
    assert "m.yaml" in cladist.refused("audit", "export", "--format", "dsa", "--mapping", "m.yaml")
    assert "--since" in cladist.refused("audit", "export", "--format", "csv", "--since", "soon")
    assert "--by" in cladist.refused("assets", "delete", "x", "--by", " ")
