"""Multi-label mode from the command line: images that carry several nodes, all of them stored and found."""

import json
from itertools import combinations_with_replacement

import numpy as np
import pytest
from command_line import Cladist
from PIL import Image

from taxonomy import Node, Taxonomy, canonical_json

COLOURS = {"red": (220, 30, 30), "blue": (30, 30, 220), "green": (30, 220, 30)}
TAXONOMY = Taxonomy(
    [Node("colour", "Colour"), Node("red", "Red", ("colour",)), Node("blue", "Blue", ("colour",)),
     Node("plants", "Plants"), Node("green", "Green", ("colour", "plants"))]
)  # fmt: skip
TRAIN = ("train", "--labels", "labels.csv", "--taxonomy", "colours.json", "--multi-label", "--backbone", "test_resnet",
         "--epochs", "20", "--image-size", "48", "--option", "batch_size=8", "--option", "learning_rate=0.01",
         "--option", "crop_min_area=0.9", "--option", "ema_decay=0.9", "--option", "precision=32-true")  # fmt: skip


@pytest.fixture
def pairs(cladist: Cladist) -> None:
    """Images of one or two colours; green lies under two parents."""
    random = np.random.default_rng(0)
    rows = ["image,node,split"]
    for split, count in (("train", 12), ("val", 6), ("test", 3)):
        for number in range(count):
            for left, right in combinations_with_replacement(COLOURS, 2):
                pixels = random.normal(0, 20, (40, 40, 3))
                pixels[:, :20] += COLOURS[left]
                pixels[:, 20:] += COLOURS[right]
                name = f"{split}-{left}-{right}-{number}.png"
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(cladist.folder / name)
                rows.append(f"{name},{'|'.join(dict.fromkeys((left, right)))},{split}")
    (cladist.folder / "labels.csv").write_text("\n".join(rows) + "\n")
    (cladist.folder / "colours.json").write_text(canonical_json(TAXONOMY))


@pytest.mark.usefixtures("pairs")
def test_the_whole_job_of_several_labels(cladist: Cladist) -> None:
    """Check, train, evaluate, calibrate, predict, work: an asset is found under each of its labels."""
    check = ("data", "check", "labels.csv", "--taxonomy", "colours.json")
    assert json.loads(cladist.ok(*check, "--multi-label", "--json")[0])["images"] == 126
    assert json.loads(cladist.ok(*check, "--json")[0])["counts"]["bad_row"] > 0
    cladist.ok(*TRAIN, "--out", "b")
    tested = ("--labels", "labels.csv", "--split")
    (metrics,) = map(json.loads, cladist.ok("evaluate", "b", *tested, "test", "--report", "r", "--json"))
    assert metrics["incoherent_fraction"] == 0
    assert metrics["label_sets"]["micro_auprc"] > 0.9
    page = (cladist.folder / "r" / "report.html").read_text(encoding="utf-8")
    for share in (metrics["label_sets"]["precision"], metrics["decision"]["accuracy"]):
        assert f"<b>{100 * share:.1f}" in page
    assert "one target for all" in cladist.refused(
        "calibrate", "b", *tested, "val", "--target-accuracy", "0.8", "--target", "red=0.9"
    )
    cladist.ok("calibrate", "b", *tested, "val", "--target-accuracy", "0.8")
    said = cladist.ok("predict", "b", "test-red-blue-0.png")
    assert [line.split(":")[0] for line in said[-2:]] == ["also", "decision"]
    cladist.ok("db", "upgrade")
    cladist.ok("bundle", "add", "b")
    names = [f"test-{left}-{right}-1.png" for left, right in combinations_with_replacement(COLOURS, 2)]
    cladist.ok("submit", *names)
    cladist.ok("worker", "--drain")
    for node, colour in (("red", "red"), ("blue", "blue"), ("green", "green"), ("plants", "green")):
        lines = cladist.ok("labels", "--under", node, "--min-confidence", "0.5", "--json")
        found = {row["asset"].rpartition("/")[2] for row in map(json.loads, lines) if row["on_path"]}
        assert found == {name for name in names if colour in name}
