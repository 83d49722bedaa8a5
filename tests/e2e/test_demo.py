"""The demo, whole: from drawing or photographs to labels in a database, through Celery."""

import csv
import json
import os
import sqlite3
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command_line import CLADIST

from classifier.config import TrainingConfig
from worker.cli.demo.figures import render_catalogue
from worker.cli.demo.tour import FIGURES_CONFIG, take_tour

_PHOTOGRAPHS_A_SPLIT = {"train": 150, "val": 40, "test": 40}


def stored(folder: Path) -> tuple[Counter[str], list[dict[str, Any]]]:
    """How many jobs there are of each status, and all predictions."""
    with sqlite3.connect(folder / "cladist.db") as connection:
        statuses = Counter(status for (status,) in connection.execute("SELECT status FROM jobs"))
        predictions = [json.loads(text) for (text,) in connection.execute("SELECT prediction FROM decisions")]
    connection.close()
    return statuses, predictions


def never_rises(prediction: dict[str, Any]) -> bool:
    confidences = [label["confidence"] for label in prediction["levels"]]
    return confidences == sorted(confidences, reverse=True)


def test_the_tour_of_figures(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Every test image ends as a succeeded job with a coherent prediction, and every table is shown."""
    labels = render_catalogue(tmp_path / "figures", per_leaf={"train": 4, "val": 2, "test": 2})
    config = FIGURES_CONFIG.model_copy(update={"epochs": 1, "target_accuracy": 0.9})
    take_tour(labels, None, tmp_path, config)
    statuses, predictions = stored(tmp_path)
    assert statuses == {"succeeded": 48}
    assert all(map(never_rises, predictions))
    shown = capfd.readouterr()
    assert "48 images routed" in shown.out
    for heading in ("macro top-1", "some assets", "full path right", "now try"):
        assert heading in shown.out
    for stage in ("train", "calibrate", "evaluate", "route"):
        assert stage in shown.err


@pytest.mark.photographs
def test_the_demo_on_photographs(tmp_path: Path, photographs: Path) -> None:
    """`cladist demo --images --labels` on some of the real photographs, as a user types it."""
    labels = some_photographs(photographs / "labels.csv", tmp_path / "labels.csv")
    words = ["demo", "--images", str(photographs), "--labels", str(labels), "--out", "out", "--epochs", "1"]
    given = {name: value for name, value in os.environ.items() if not name.startswith("CLADIST_")}
    done = subprocess.run(
        [*CLADIST, *words],
        cwd=tmp_path, env=given, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    statuses, predictions = stored(tmp_path / "out")
    assert statuses == {"succeeded": _PHOTOGRAPHS_A_SPLIT["test"]}
    assert all(map(never_rises, predictions))
    card = (tmp_path / "out" / "bundle" / "MODEL_CARD.md").read_text()
    assert TrainingConfig().backbone in card


def some_photographs(labels: Path, out: Path) -> Path:
    """A labels.csv with photographs from the whole of the file."""
    with labels.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with out.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        for split, count in _PHOTOGRAPHS_A_SPLIT.items():
            of_split = [row for row in rows if row["split"] == split]
            writer.writerows(of_split[:: len(of_split) // count][:count])
    return out
