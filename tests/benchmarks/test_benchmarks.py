"""Benchmarks that need no data run to their end at a small size; what they measure is no matter of a test."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(name: str, *options: str) -> Any:
    """What the benchmark prints as JSON."""
    command = [sys.executable, str(BENCHMARKS / name), *options, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_delivery_runs_to_its_end() -> None:
    """All urgent jobs came through, none of them behind the whole bulk."""
    found = run("delivery.py", "--jobs", "600", "--urgent", "3")
    assert [row["jobs"] for row in found["submitting"]] == [600]
    assert [(row["workers"], row["urgent"]) for row in found["waiting"]] == [(1, 3), (8, 3)]
    assert all(row["most"] <= 3 for row in found["waiting"])


def test_labels_runs_to_its_end() -> None:
    """Both sides of writing, and a page far behind as large as the first."""
    found = run("labels.py", "--rows", "60000", "--assets", "64", "--merged", "8", "--rounds", "1")
    assert found["reading"]["rows"] == 60_000
    assert found["reading"]["far_page"] > 1
    assert {row["batch"] for row in found["writing"]} == {32, 256}


def test_hash_lists_runs_to_its_end() -> None:
    """Hashes on a list are found, others are not, and hostile lists are answered too."""
    rows = run("hash_lists.py", "--entries", "5000", "--look-ups", "20", "--digests", "5000")
    found = {row["list"]: row["found"] for row in rows}
    assert (found["uniform"], found["hits"], found["scan"], found["sha256"]) == (0, 1, 1, 0.5)
    assert {"crowded", "alike 1", "alike 15"} <= found.keys()


def test_policy_runs_to_its_end() -> None:
    """All that is stored is replayed, and two policies that differ route some of it otherwise."""
    found = run("policy.py", "--replayed", "500", "--rules", "40", "--cel", "8")
    assert found["replay"]["jobs"] == 500
    assert 0 < found["replay"]["flips"] < 500


def test_audit_runs_to_its_end() -> None:
    """All records written, linked and verified."""
    found = run("audit.py", "--records", "3000")
    assert [row["records"] for row in found["databases"]] == [3000]
    assert found["databases"][0]["verified_per_s"] > 0


def test_webhooks_runs_to_its_end() -> None:
    """All events are delivered, each once."""
    (row,) = run("webhooks.py", "--events", "300")
    assert (row["events"], row["received"]) == (300, 300)
