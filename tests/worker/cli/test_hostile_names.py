"""Names that act on a terminal, of nodes, taxonomies, assets, tenants and keys: commands show them as what they are."""

from pathlib import Path

import pytest
from command_line import Cladist
from fixture_types import MakeBundle, MakeImages
from in_process import Done, run_here

from taxonomy import Node, Taxonomy, canonical_json
from worker.telemetry.redaction import visible

ACTS = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egpj\u200b\U000e0041[/red]"
HOSTILE = Taxonomy(
    [Node("r" + ACTS, "root " + ACTS), *(Node(f"{n}{ACTS}", f"{n} {ACTS}", ("r" + ACTS,)) for n in ("a", "b"))]
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the taxonomy and one that is a little different."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.json").write_text(canonical_json(HOSTILE))
    (tmp_path / "u.json").write_text(canonical_json(Taxonomy([*HOSTILE, Node("c", "c " + ACTS)])))
    return tmp_path


def shown(*words: str) -> Done:
    """What a command that must be done says: something, and nothing in it acts."""
    done = run_here(*words)
    assert done.code == 0, done
    assert visible(done.out + done.err) == done.out + done.err, words
    return done


@pytest.mark.usefixtures("here")
def test_the_names_of_a_taxonomy_file_do_not_act() -> None:
    for words in (("check", "t.json"), ("show", "t.json"), ("diff", "t.json", "u.json", "--all")):
        shown("taxonomy", *words)
    assert "\\x1b[2J" in shown("taxonomy", "show", "t.json").out
    assert "invisible, control or text-turning signs" in shown("taxonomy", "check", "t.json").err


def test_nor_do_those_that_are_stored(here: Path, make_bundle: MakeBundle, make_images: MakeImages) -> None:
    """From the bundle to the labels, the assets and their jobs, for people and for programs."""
    make_bundle(here / "b", HOSTILE)
    (picture,) = make_images(1)
    shown("db", "upgrade")
    shown("bundle", "add", "b", "--taxonomy-name", ACTS)
    shown("submit", picture, "--name", ACTS, "--key", ACTS, "--tenant", ACTS)
    shown("submit", "missing" + ACTS, "--tenant", ACTS)
    worked = Cladist(here)("worker", "--drain")
    assert visible(worked.stderr) == worked.stderr
    assert "asset_not_found" in worked.stderr
    release = shown("taxonomy", "list", "--json").out.split('"release": "')[1][:12]
    for words in (
        ("taxonomy", "list"), ("taxonomy", "find", release, "r" + ACTS), ("labels", "--under", "root " + ACTS),
        ("jobs", "list"), ("jobs", "show", "1"), ("jobs", "show", "2"), ("assets", "list", "--tenant", ACTS),
        ("assets", "show", ACTS, "--tenant", ACTS), ("batches", "list"), ("predict", "b", picture.removeprefix("file://")),
        ("top", "--once"), ("taxonomy", "plan", release, "u.json"),
    ):  # fmt: skip
        shown(*words)
        if words[0] != "top":
            shown(*words, "--json")
    shown("assets", "delete", ACTS, "--tenant", ACTS)
