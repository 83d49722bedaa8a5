"""Bundles that somebody made to harm: refused in one line, and for next to no memory."""

import json
import os
import resource
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from classifier.bundles.bundle import Bundle, read_bundle
from classifier.errors import BundleError
from classifier.inference.trial import require_answers

_NAN, _INF = float("nan"), float("inf")
_TARGET = {"target_accuracy": 0.9, "threshold": 0.5, "samples": 9}
_PLAN = {"budget_per_day": 1, "assets_per_day": 9, "threshold": 0.5, "reviews_per_day": 1,
         "beyond_budget_per_day": 0, "coverage": 1, "accuracy": 1, "samples": 9}  # fmt: skip


@pytest.fixture
def folder(trained: Bundle, tmp_path: Path) -> Path:
    """A copy of the trained bundle, to be damaged."""
    return Path(shutil.copytree(trained.folder, tmp_path / "bundle"))


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def refused(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        require_answers(read_bundle(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_sound_bundle_answers(folder: Path) -> None:
    require_answers(read_bundle(folder))


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("bundle.json", "std", [0.2, 0.0, 0.2]),
        ("bundle.json", "std", [0.2, 0.2, _INF]),
        ("bundle.json", "mean", [_NAN, 0.5, 0.5]),
        ("bundle.json", "mean", [1e30, 0.5, 0.5]),
        ("bundle.json", "image_size_px", 4096),
        ("bundle.json", "backbone", "x" * 10_000),
        ("bundle.json", "training", {"margin": _INF}),
        ("calibration.json", "temperature", 0),
        ("calibration.json", "temperature", _INF),
        ("calibration.json", "temperature", 1e-300),
        ("calibration.json", "level_temperatures", [1.0, 1e300]),
        ("calibration.json", "threshold", _INF),
        ("calibration.json", "threshold", 1.5),
        ("calibration.json", "threshold", -0.1),
        ("calibration.json", "subtrees", [{**_TARGET, "node": "Cold", "threshold": _INF}]),
        ("calibration.json", "review", {**_PLAN, "threshold": -_INF}),
        ("calibration.json", "review", {**_PLAN, "budget_per_day": _INF}),
        ("calibration.json", "energy", {"limit": _NAN, "false_alarms": 0.1}),
        ("calibration.json", "entropy", {"offset": 1e9, "slope": 0, "lowest": 0, "highest": 1}),
    ],
)
def test_a_number_out_of_range_names_its_file_and_key(folder: Path, name: str, key: str, value: Any) -> None:
    change(folder / name, **{key: value})
    assert refused(folder).startswith(f"{folder / name}: {key}")


@pytest.mark.parametrize(
    "values",
    [
        {"subtrees": [{**_TARGET, "node": "nowhere"}]},
        {"review": {**_PLAN, "subtrees": [{"node": "nowhere", "cost": 2, "threshold": 0.5}]}},
    ],
)
def test_a_target_for_a_node_that_is_not_there(folder: Path, values: dict[str, Any]) -> None:
    change(folder / "calibration.json", **values)
    assert refused(folder) == f"{folder / 'calibration.json'}: a target for the unknown node 'nowhere'"


@pytest.mark.parametrize("value", [_NAN, _INF])
def test_weights_that_are_no_numbers(folder: Path, value: float) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights["heads.heads.0.bias"][0] = value
    save_file(weights, path)
    assert "'heads.heads.0.bias' holds numbers that are not finite" in refused(folder)


def test_finite_weights_whose_answers_overflow(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    save_file({name: torch.full_like(tensor, 3e38) if name.startswith("heads") else tensor
               for name, tensor in weights.items()}, path)  # fmt: skip
    assert "not finite" in refused(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "bundle.json", "taxonomy.json", "calibration.json"])
@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "device"])
def test_only_regular_files_are_opened(folder: Path, name: str, kind: str) -> None:
    """A FIFO is refused and not waited for; a link is refused even where it leads to the right file."""
    path = folder / name
    moved = path.rename(folder / "moved")
    if kind == "link":
        path.symlink_to(moved)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    assert refused(folder).startswith(f"{path}: ")
    assert "regular file" in refused(folder)


def test_a_larger_file_than_any_bundle_has(folder: Path) -> None:
    """Sparse, so that it costs nothing here; its size alone is looked at."""
    for name, size_bytes in (("calibration.json", 65 * 2**20), ("model.safetensors", 17 * 2**30)):
        original = (folder / name).read_bytes()
        os.truncate(folder / name, size_bytes)
        assert f"{folder / name}: larger than" in refused(folder)
        (folder / name).write_bytes(original)


def test_a_giant_backbone_is_refused_before_it_is_built(folder: Path) -> None:
    """Its weights would take 4 GB; the header of the file says that they are not there."""
    change(folder / "bundle.json", backbone="vit_giant_patch14_224")
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert f"{folder / 'model.safetensors'}: " in refused(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 500_000


def test_wide_heads_are_refused_before_they_are_built(folder: Path) -> None:
    body = json.loads((folder / "bundle.json").read_text())
    change(folder / "bundle.json", training={**body["training"], "head_width": 65536})
    assert "lacks 'heads.0.weight'" in refused(folder)
