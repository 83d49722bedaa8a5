"""Bundles that the first release wrote are opened and asked as if they were new."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from classifier.bundles.bundle import make_net, read_bundle
from classifier.inference.predictor import Predictor
from classifier.outputs.modes import SINGLE_LABEL
from taxonomy import Hierarchy, Node, Taxonomy, canonical_json

TAXONOMY = Taxonomy([Node("A", "A"), Node("B", "B"), Node("a1", "a1", ("A",)), Node("a2", "a2", ("A",))])

INFO = """{
  "format": "cladist-bundle/1",
  "mode": "single",
  "backbone": "test_resnet",
  "image_size_px": 64,
  "mean": [0.485, 0.456, 0.406],
  "std": [0.229, 0.224, 0.225],
  "release": "RELEASE",
  "training": {
    "backbone": "test_resnet", "epochs": 30, "image_size_px": 56, "start_size_px": 32, "test_scale": 1.15,
    "batch_size": 32, "learning_rate": 0.003, "weight_decay": 0.05, "warmup_fraction": 0.15, "label_smoothing": 0.1,
    "cutmix_probability": 0.5, "plain_tail_fraction": 0.1, "crop_min_area": 0.35, "color_jitter": 0.3,
    "ema_decay": 0.998, "precision": "auto", "seed": 0, "target_accuracy": 0.95
  },
  "libraries": {"torch": "2.10.0", "timm": "1.0.15"}
}"""
CALIBRATION = """{
  "temperature": 1.37,
  "target_accuracy": 0.95,
  "threshold": 0.0,
  "samples": 240,
  "split": "val"
}"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle as it lay on disk then: no mode but one, no guarantee, no energy check, none of the later options."""
    hierarchy = Hierarchy.compile(TAXONOMY)
    torch.manual_seed(0)
    save_file(make_net("test_resnet", hierarchy).state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "taxonomy.json").write_text(canonical_json(TAXONOMY))
    (tmp_path / "bundle.json").write_text(INFO.replace("RELEASE", hierarchy.release))
    (tmp_path / "calibration.json").write_text(CALIBRATION)
    return tmp_path


def test_an_old_bundle_opens_with_what_it_says(folder: Path) -> None:
    """What it does not say is what was the case then."""
    bundle = read_bundle(folder)
    assert bundle.strategy is SINGLE_LABEL
    assert (bundle.info.training.learning_rate, bundle.info.training.mixup_probability) == (0.003, 0.25)
    assert (bundle.calibration.temperature, bundle.calibration.guarantee) == (1.37, "images")
    assert (bundle.calibration.energy, bundle.calibration.entropy, bundle.calibration.review) == (None, None, None)


def test_an_old_bundle_answers(folder: Path) -> None:
    predictor = Predictor.load(folder)
    (found,) = predictor.predict(["x"], torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    assert found.decision.node == found.levels[-1].node
    assert found.decision.reason.endswith(">= threshold 0.000")


def test_a_bundle_that_names_no_mode_is_of_one_label_an_asset(folder: Path) -> None:
    path = folder / "bundle.json"
    path.write_text(path.read_text().replace('"mode": "single",', ""))
    assert read_bundle(folder).strategy is SINGLE_LABEL
