"""A small share of benchmarks/fuzz.py on every run: damaged files end with documented codes, in a whole worker too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from classifier.images.opening import ALLOWED_FORMATS

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "fuzz.py"
BROKEN = Path(__file__).parents[1] / "support" / "broken_fuzz.py"


def fuzz(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(BENCHMARK), *options], capture_output=True, text=True, check=False)


def test_damaged_files_end_with_documented_codes(tmp_path: Path) -> None:
    """Two hundred of all formats, thirty of them as jobs; none is unhandled, and some of each format get through."""
    done = fuzz("--files", "34", "--worker-files", "30", "--json", "--keep", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stderr
    rows = {row["format"]: row for row in json.loads(done.stdout)}
    assert [rows[name]["files"] for name in (*ALLOWED_FORMATS, "whole worker")] == [34] * 8 + [30]
    assert all(row["unhandled"] == 0 and row["decoded"] > 0 and row["unreadable_image"] > 0 for row in rows.values())
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("fault", ["raises", "dies"])
def test_what_is_not_documented_is_told_and_kept(tmp_path: Path, fault: str) -> None:
    """A decoder that raises or kills its process: exit 1, with the file."""
    options = ["--files", "3", "--formats", "BMP", "--worker-files", "0", "--keep", str(tmp_path / "kept")]
    done = subprocess.run(
        [sys.executable, str(BROKEN), fault, *options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(BENCHMARK.parent), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    kept = list((tmp_path / "kept").iterdir())
    assert kept
    assert all(str(path) in done.stderr for path in kept)
