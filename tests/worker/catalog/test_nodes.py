"""A node of a stored release is found as one in memory is, and so is one that a command names."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from node_cases import AMBIGUOUS, FOUND, REFUSED, SHOP, UNKNOWN
from PIL import Image

from classifier.bundles.bundle import Bundle
from taxonomy import Node, Taxonomy
from worker.audit.activations import add_release
from worker.catalog.nodes import find_node
from worker.cli.main import main
from worker.db.engine import Database
from worker.errors import LookupFailedError
from worker.models.registration import add_bundle

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def release_id(database: Database) -> int:
    """The shop's release, stored beside another of nodes with the same ids and names."""
    with database.write() as session:
        add_release(session, Taxonomy([*SHOP, Node("toys", "Toys")]), "other")
        return add_release(session, SHOP).id


@pytest.mark.parametrize(("wanted", "node_id"), FOUND)
def test_a_stored_node_is_found_by_id_path_name_or_alias(
    database: Database, release_id: int, wanted: str, node_id: str
) -> None:
    """The cases are those of a taxonomy in memory."""
    with database.read() as session:
        assert find_node(session, release_id, wanted).node_id == node_id


@pytest.mark.parametrize(("wanted", "message"), REFUSED)
def test_unknown_and_ambiguous_names_are_refused(
    database: Database, release_id: int, wanted: str, message: str
) -> None:
    """With the same messages."""
    with database.read() as session, pytest.raises(LookupFailedError) as refusal:
        find_node(session, release_id, wanted)
    assert str(refusal.value) == message


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `cladist` in this process, in a folder of its own: its exit code, and what it says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLADIST_DATABASE_URL", f"sqlite:///{tmp_path}/shop.db")

    def command(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["cladist", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.err if ended.value.code else shown.out

    return command


@pytest.fixture
def shop(tmp_path: Path, make_bundle: Callable[..., Bundle]) -> None:
    """An active bundle of the shop's taxonomy, and an image."""
    database = Database(f"sqlite:///{tmp_path}/shop.db")
    database.upgrade()
    add_bundle(database, make_bundle(tmp_path / "b", SHOP).folder)
    database.close()
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")


def commands(wanted: str) -> list[list[str]]:
    """Every command that takes a node, asked for this one."""
    return [
        ["labels", "--under", wanted, "--json"],
        ["taxonomy", "find", "default", wanted, "--json"],
        ["reclassify", "--under", wanted, "--dry-run", "--json"],
        ["predict", "b", "a.png", "--under", wanted, "--json"],
        ["predict", "b", "a.png", "--report", wanted, "--json"],
        ["predict", "b", "a.png", "--bin", f"it={wanted}", "--json"],
        ["calibrate", "b", "--labels", "none.csv", "--split", "val", "--target", f"{wanted}=0.9"],
    ]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(("wanted", "message"), [AMBIGUOUS, UNKNOWN])
def test_every_command_refuses_alike(run: Run, wanted: str, message: str) -> None:
    """With exit code 2 and one line."""
    for words in commands(wanted):
        code, said = run(*words)
        assert (code, said.count("\n")) == (2, 1), said
        assert said.endswith(f": {message}\n"), words


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(("wanted", "node_id"), [("Outdoor > Boots", "boots"), ("Schuhe", "foot")])
def test_every_command_finds_alike(run: Run, wanted: str, node_id: str) -> None:
    """By another path of the node and by its name in another language."""
    labels, found, again, under, report, bins, calibrate = (run(*words) for words in commands(wanted))
    assert labels == (0, "")
    assert json.loads(found[1])["node"] == node_id
    assert again[0] == 0
    assert f"under {node_id!r}" in json.loads(under[1])["decision"]["reason"]
    assert json.loads(report[1])["reported"][0]["node"] == node_id
    assert 0 < json.loads(bins[1])["bins"]["it"] < 1
    assert calibrate[0] == 2
    assert "none.csv: No such file" in calibrate[1]  # the node was found
