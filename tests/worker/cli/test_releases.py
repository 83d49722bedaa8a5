"""The commands of releases, as users meet them: import, compare, move labels, and bundles of another release."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Cladist
from fixture_types import MakeBundle
from PIL import Image

from taxonomy import Node, Taxonomy, canonical_json


@pytest.fixture(scope="module")
def labelled_shop(tmp_path_factory: pytest.TempPathFactory, make_bundle: MakeBundle, tiny_taxonomy: Taxonomy) -> Path:
    """A bundle is active, six images are labelled; new.json is the next release: renamed, and without the ring."""
    folder = tmp_path_factory.mktemp("shop")
    cladist = Cladist(folder)
    make_bundle(folder / "b")
    renamed = [Node(n.id, f"new {n.name}", n.parents, assignable=n.assignable) for n in tiny_taxonomy if n.id != "ring"]
    (folder / "new.json").write_text(canonical_json(Taxonomy(renamed)))
    (folder / "old.json").write_text(canonical_json(tiny_taxonomy))
    random = np.random.default_rng(0)
    for number in range(6):
        pixels = random.integers(0, 255, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    cladist.ok("db", "upgrade")
    cladist.ok("bundle", "add", "b", "--taxonomy-name", "shop")
    cladist.ok("submit", *(f"{number}.png" for number in range(6)))
    cladist.ok("worker", "--drain")
    return folder


@pytest.fixture
def shop(labelled_shop: Path, tmp_path: Path) -> Cladist:
    """A copy of the labelled shop, database and all, for one test."""
    return Cladist(Path(shutil.copytree(labelled_shop, tmp_path / "shop")))


def answer(cladist: Cladist, *words: str) -> dict[str, Any]:
    (line,) = cladist.ok(*words, "--json")
    found: dict[str, Any] = json.loads(line)
    return found


def test_labels_move_and_come_back(shop: Cladist) -> None:
    """Plan, apply, ask, apply again, roll back: each says what it did."""
    before = shop.ok("labels", "--under", "shape", "--json")
    planned = answer(shop, "taxonomy", "plan", "shop", "new.json")
    assert planned["labels"] > 0
    assert len(shop.ok("taxonomy", "list", "--json")) == 1, "a plan imports nothing"
    moved = answer(shop, "taxonomy", "apply", "shop", "new.json")
    assert (moved["assets"], moved["changed"]) == (6, True)
    assert len(shop.ok("labels", "--under", "new Shape", "--json")) == len(before)
    assert answer(shop, "taxonomy", "find", "shop", "disc")["name"] == "new Disc"
    assert not answer(shop, "taxonomy", "apply", "old.json", "new.json")["changed"]
    listed = [json.loads(line) for line in shop.ok("taxonomy", "reviews", "old.json", "new.json", "--json")]
    assert len(listed) == moved["reviews"]
    assert {row["node"] for row in listed} <= {"ring"}
    stale = answer(shop, "reclassify", "--stale", "--dry-run")
    assert stale["total"] == len({row["asset_id"] for row in listed})
    answer(shop, "taxonomy", "rollback", "old.json", "new.json")
    assert shop.ok("labels", "--under", "shape", "--json") == before


def test_a_release_is_stored_listed_and_activated(shop: Cladist) -> None:
    """For people, too."""
    assert shop.ok("taxonomy", "import", "new.json", "--name", "shop")[0].endswith("6 nodes, not active")
    rows = [json.loads(line) for line in shop.ok("taxonomy", "list", "--json")]
    assert [(row["name"], row["nodes"], row["active"]) for row in rows] == [("shop", 7, True), ("shop", 6, False)]
    shop.ok("taxonomy", "activate", rows[1]["release"][:8])
    assert shop.ok("submit", "0.png")
    shop.ok("worker", "--drain")
    (label, *_) = map(json.loads, shop.ok("labels", "--under", "new Shape", "--json"))
    assert label["source"] == "model"
    assert "known as a release of 'shop'" in shop.refused("taxonomy", "import", "new.json", "--name", "other")
    assert "no release is named" in shop.refused("taxonomy", "activate", "abc")
    assert "there is nothing to roll back" in shop.refused("taxonomy", "rollback", "old.json", "new.json")


def test_a_bundle_of_an_old_release(shop: Cladist) -> None:
    """Predicts in the new one and names what it cannot answer."""
    done = shop("predict", "b", "0.png", "--taxonomy", "new.json", "--json")
    assert done.returncode == 0, done.stderr
    assert all(level["name"].startswith("new ") for level in json.loads(done.stdout)["levels"])
    assert "--mapping goes with --taxonomy" in shop.refused("predict", "b", "0.png", "--mapping", "m.csv")
    assert "leave --backbone" in shop.refused(
        "train", "--labels", "l.csv", "--taxonomy", "new.json", "--out", "x", "--from", "b", "--backbone", "resnet10t"
    )


def test_the_difference_of_two_files(shop: Cladist) -> None:
    found = answer(shop, "taxonomy", "diff", "old.json", "new.json")
    assert found["counts"]["renamed"] == 6
    assert found["counts"]["removed"] == 1
    assert len(found["nodes"]) == 7
    assert any("ring" in line for line in shop.ok("taxonomy", "diff", "old.json", "new.json"))


def test_reclassify_says_what_it_submits(shop: Cladist) -> None:
    assert answer(shop, "reclassify", "--unlabelled", "--failed", "--dry-run") == {
        "failed": 0,
        "unlabelled": 0,
        "total": 0,
    }
    assert answer(shop, "reclassify", "--under", "shape", "--limit", "1") == {"submitted": 1}
    assert "say which" in shop.refused("reclassify")


def test_names_that_fool_the_eye_are_told_when_a_release_is_stored(cladist: Cladist) -> None:
    """As `taxonomy check` tells of them, and shown as what they are; the release is stored."""
    (cladist.folder / "t.txt").write_text("A > pay\nA > p\u0430y\nA > \u202egpj\n", encoding="utf-8")
    cladist.ok("db", "upgrade")
    for words in (("check", "t.txt", "--format", "path-lines"), ("import", "t.txt", "--json")):
        done = cladist("taxonomy", *words)
        assert done.returncode == 0
        assert "warning: siblings whose names look the same" in done.stderr
        assert "warning: invisible, control or text-turning signs" in done.stderr
        assert "\u202e" not in done.stdout + done.stderr
