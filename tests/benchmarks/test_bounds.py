"""benchmarks/bounds.py runs to its end at a small size, and every file that it makes is read or refused in one line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile_texts import TEXTS

from taxonomy import Hierarchy, TaxonomyError, read_taxonomy

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def bounds(*options: str) -> Any:
    """What the benchmark prints as JSON."""
    command = [sys.executable, str(BENCHMARKS / "bounds.py"), *options, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_images_and_fetches_run_to_their_end() -> None:
    """An image of one column is refused by its side only at full size."""
    rows = {row["case"]: row for row in bounds("--only", ",", "--pixels", "10000", "--scale", "0.001")}
    assert {"PNG, one column", "PNG, square", "WebP, square", "AVIF, square", "gzip trailer, 8 fetches"} <= rows.keys()
    assert rows["PNG, square"]["outcome"] == "100 x 100"


def test_texts_are_measured_at_two_sizes() -> None:
    once, twice = bounds("--only", "yaml: alias bomb")
    assert twice["bytes"] > once["bytes"]
    assert twice["growth"] > 0
    assert once["outcome"].startswith("YAML of more than")


@pytest.mark.parametrize("name", TEXTS)
def test_every_hostile_text_is_read_or_refused(name: str, tmp_path: Path) -> None:
    """At a fiftieth of the benchmark's size; a refusal is one line of a length that a terminal shows."""
    size, make = TEXTS[name]
    content = make(max(500, size // 50))
    (tmp_path / "hostile").write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        assert len(Hierarchy.compile(read_taxonomy(tmp_path / "hostile"))) > 0
    except TaxonomyError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 (either outcome is right)
        assert len(str(error)) < 2500  # noqa: PT017
