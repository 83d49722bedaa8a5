"""Batches and assets on the command line."""

import json
import os

from command_line import Cladist
from fixture_types import MakeBundle
from PIL import Image


def test_a_batch_and_its_assets(cladist: Cladist, make_bundle: MakeBundle) -> None:
    """Submitted, watched, waited for with exit code 1 for a failure, shown and deleted."""
    make_bundle(cladist.folder / "b")
    Image.new("RGB", (40, 40), (200, 20, 20)).save(cladist.folder / "a.png")
    (cladist.folder / "m.csv").write_text("uri,name,key,channel\na.png,sku-1,1,web\ngone.png,sku-2,2,\n")
    cladist.ok("db", "upgrade")
    cladist.ok("bundle", "add", "b")
    assert [json.loads(line) for line in cladist.ok("submit", "--manifest", "m.csv", "--json")] == [
        {"job": 1, "batch": 1},
        {"job": 2, "batch": 1},
    ]
    assert cladist("submit", "--manifest", "m.csv").stderr == "2 submitted, batch 1\n"
    cladist.ok("worker", "--drain")
    waited = cladist("jobs", "wait", "--batch", "1", "--json")
    assert (waited.returncode, json.loads(waited.stdout)["failed_jobs"]) == (1, [2])
    assert cladist("jobs", "wait", "1").returncode == 0
    (job, _) = reversed([json.loads(line) for line in cladist.ok("jobs", "list", "--batch", "1", "--json")])
    assert (job["name"], job["batch"], job["metadata"]) == ("sku-1", 1, {"channel": "web"})
    assert cladist.ok("jobs", "retry", "--code", "asset_not_found") == ["2 queued"]
    assert cladist.ok("batches", "cancel", "1") == ["1 cancelled"]
    (shown,) = map(json.loads, cladist.ok("assets", "show", "sku-1", "--json"))
    assert shown["labels"]
    assert [json.loads(line)["name"] for line in cladist.ok("assets", "list", "--json")] == ["sku-1", "sku-2"]
    assert cladist.ok("assets", "delete", "sku-1") == ["sku-1 deleted, with 1 jobs"]
    assert "is named 'sku-1'" in cladist.refused("assets", "show", "sku-1")


def test_numbers_and_bytes_that_no_database_takes(cladist: Cladist) -> None:
    """One line each, and no traceback."""
    cladist.ok("db", "upgrade")
    huge, odd = str(2**63), os.fsdecode(b"\xff")
    for words in (["jobs", "show", huge], ["jobs", "cancel", huge], ["batches", "show", huge], ["jobs", "wait", huge]):
        assert "is not in the range" in cladist.refused(*words)
    for words in (
        ["assets", "show", odd],
        ["assets", "list", "--tenant", odd],
        ["submit", "a.png", "--key", odd],
    ):
        assert "UTF-8" in cladist.refused(*words)
