"""The page of the HTTP API names every code, scope and endpoint, and what it shows works."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from free_port import free_port
from pages import DOCS, ROOT, blocks
from PIL import Image
from untrained_bundle import write_untrained

from classifier.bundles.calibration import Calibration
from taxonomy import Node, Taxonomy
from worker.access.keys import Scope
from worker.api.app import make_app
from worker.api.parts import Parts
from worker.api.problems import ProblemCode
from worker.db.engine import Database
from worker.settings import Settings

PATH = DOCS / "howto" / "api.md"
PAGE = PATH.read_text(encoding="utf-8")
OURS = "needs a server; tests/docs/test_api_page.py runs it"


@pytest.mark.parametrize("word", [*ProblemCode, *Scope])
def test_every_code_and_scope_has_its_row(word: str) -> None:
    assert f"\n| `{word}` | " in PAGE


def test_every_endpoint_is_named() -> None:
    """And what it may be refused with is described for each in the document itself."""
    database = Database("sqlite://")
    document = make_app(Parts(Settings(), database)).openapi()
    database.close()
    named = set(re.findall(r"(/v1/[a-z/{}_]+)", PAGE))
    assert set(document["paths"]) - named == set()
    codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert set(codes) == {code.value for code in ProblemCode}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A reader's folder: a bundle, two images, and `cladist`."""
    taxonomy = Taxonomy([Node("polygon", "polygon"), Node("kite", "kite", ("polygon",)), Node("oval", "oval")])
    write_untrained(
        tmp_path / "bundle", taxonomy, Calibration(threshold=0.4, target_accuracy=0.9, samples=10, split="val")
    )
    rng = np.random.default_rng(0)
    for name in ("figure.jpg", "photo.jpg"):
        Image.fromarray(rng.integers(0, 255, (40, 48, 3), dtype=np.uint8)).save(tmp_path / name)
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, words in (("cladist", "-c 'from worker.cli.main import main; main()'"), ("python", "")):
        (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (commands / name).chmod(0o755)
    return tmp_path


def test_what_the_page_shows_works(folder: Path) -> None:
    """All its blocks in one shell, against a server and a worker that the page itself starts and ends."""
    shown = [block for block in blocks(PATH) if block.skipped == OURS]
    lines = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for block in shown:
        is_python = block.language == "python"
        lines += [f"python - <<'PYTHON'\n{block.text}PYTHON"] if is_python else [block.text]
    script = "\n".join(lines).replace("8080", str(free_port()))
    given = {name: value for name, value in os.environ.items() if not name.startswith("CLADIST_")}
    given |= {"PATH": f"{folder / 'commands'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(shown) >= 4
    assert '"status":"succeeded"' in done.stdout
    assert "figure.jpg succeeded" in done.stdout
