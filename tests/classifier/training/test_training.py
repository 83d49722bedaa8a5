"""Training from labels.csv to bundle: it learns, it repeats itself, and it refuses bad input before it begins."""

import json
from pathlib import Path
from typing import Any

import pytest
from fixture_types import LabelsOf

from classifier.bundles.bundle import Bundle
from classifier.calibration.options import CalibrationOptions
from classifier.config import TrainingConfig
from classifier.errors import CalibrationError, ManifestError, TrainingError
from classifier.training.train import evaluate_bundle, recalibrate_bundle, train_bundle
from taxonomy import CladistError


def metrics_of(bundle: Bundle) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((bundle.folder / "metrics.json").read_text())["metrics"]
    return found


def truncate(image: Path) -> None:
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])


class Listener:
    """A progress that keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int, int]] = []

    def __call__(self, stage: str, done: int, total: int, _note: str, /) -> None:
        self.heard.append((stage, done, total))


def test_it_learns(trained: Bundle, labels_of: LabelsOf) -> None:
    """Noisy colours, told apart on images that neither training nor calibration has seen."""
    manifest, _ = labels_of(trained.folder.parent)
    found = evaluate_bundle(trained, manifest.split("test"))
    assert found.samples == 20
    assert found.full_path_accuracy >= 0.9
    assert found.incoherent_fraction == 0.0
    assert [level.nodes for level in found.levels] == [2, 4]


def test_the_bundle_keeps_what_was_measured_on_val(trained: Bundle) -> None:
    metrics = metrics_of(trained)
    assert metrics["samples"] == 24
    assert metrics["decision"]["target_accuracy"] == 0.9
    assert (trained.calibration.samples, trained.calibration.split) == (24, "val")


def test_the_same_seed_gives_the_same_model(
    trained: Bundle, painted: Path, labels_of: LabelsOf, quick: TrainingConfig
) -> None:
    """To the last bit, from other folders; another seed gives another."""
    again = train_bundle(*labels_of(painted), painted / "again", quick)
    assert metrics_of(again) == metrics_of(trained)
    assert again.version == trained.version
    other = train_bundle(*labels_of(painted), painted / "other", quick.model_copy(update={"seed": 1}))
    assert metrics_of(other) != metrics_of(trained)


def test_it_tells_how_far_it_is(painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    """Stage by stage, in order, each to its end; and the working folder is gone afterwards."""
    listener = Listener()
    train_bundle(*labels_of(painted), painted / "bundle", quick.model_copy(update={"epochs": 2}), progress=listener)
    assert list(dict.fromkeys(stage for stage, *_ in listener.heard)) == ["decode", "train", "calibrate", "evaluate"]
    for stage in ("decode", "train", "calibrate", "evaluate"):
        steps = [(done, total) for name, done, total in listener.heard if name == stage]
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1] > 0
    assert not (painted / "bundle.training").exists()


def test_half_labelled_images_train_too(painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    """Every other training image is labelled at its root alone, and all weigh differently."""
    _, taxonomy = labels_of(painted)
    rows = (painted / "labels.csv").read_text().splitlines()
    halved = [
        row.replace(" > Red", "").replace(" > Blue", "") + ",2" if number % 2 and ",train" in row else row + ",1"
        for number, row in enumerate(rows[1:])
    ]
    (painted / "half.csv").write_text("\n".join([rows[0] + ",weight", *halved]) + "\n")
    (painted / "labels.csv").rename(painted / "whole.csv")
    (painted / "half.csv").rename(painted / "labels.csv")
    manifest, _ = labels_of(painted)
    assert {sample.node_id for sample in manifest.split("train")} == {node.id for node in taxonomy}
    bundle = train_bundle(manifest, taxonomy, painted / "bundle", quick)
    assert evaluate_bundle(bundle, manifest.split("test")).full_path_accuracy >= 0.8


def test_too_few_images_for_a_threshold_give_none(painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    """24 held-out images cannot promise 99 %: the bundle says so, and a later calibration may ask for less."""
    manifest, taxonomy = labels_of(painted)
    config = quick.model_copy(update={"target_accuracy": 0.99, "epochs": 2})
    bundle = train_bundle(manifest, taxonomy, painted / "bundle", config)
    assert bundle.calibration.threshold is None
    assert "No decision threshold" in (bundle.folder / "MODEL_CARD.md").read_text()
    with pytest.raises(CalibrationError, match=r"target accuracy 0\.99 needs at least 99 calibration samples, have 20"):
        recalibrate_bundle(bundle, manifest.split("test"), "test", CalibrationOptions(0.99))
    again = recalibrate_bundle(bundle, manifest.split("test"), "test", CalibrationOptions(0.8))
    assert again.calibration.threshold is not None
    assert (again.calibration.target_accuracy, again.calibration.split) == (0.8, "test")
    assert again.version != bundle.version


def test_a_truncated_training_image(painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    """Its line is named, and no step of training was taken."""
    truncate(painted / "train-Red-3.png")
    listener = Listener()
    with pytest.raises(ManifestError, match=rf"labels line 5: {painted / 'train-Red-3.png'}: image file is truncated"):
        train_bundle(*labels_of(painted), painted / "bundle", quick, progress=listener)
    assert {stage for stage, *_ in listener.heard} == {"decode"}
    assert not (painted / "bundle").exists()


def test_a_truncated_held_out_image(painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    """It stops training before it begins as well, not hours later."""
    truncate(painted / "val-Red-0.png")
    listener = Listener()
    with pytest.raises(ManifestError, match=rf"labels line \d+: {painted / 'val-Red-0.png'}: "):
        train_bundle(*labels_of(painted), painted / "bundle", quick, progress=listener)
    assert "train" not in {stage for stage, *_ in listener.heard}


@pytest.mark.parametrize("mistake", ["image", "backbone"])
def test_a_mistake_can_be_mended_and_the_command_repeated(
    painted: Path, labels_of: LabelsOf, quick: TrainingConfig, mistake: str
) -> None:
    """What was refused before training leaves nothing that stands in the way."""
    image, config = painted / "train-Red-3.png", quick.model_copy(update={"epochs": 1})
    content = image.read_bytes()
    if mistake == "image":
        truncate(image)
    wrong = config.model_copy(update={"backbone": "nonesuch"}) if mistake == "backbone" else config
    with pytest.raises(CladistError):
        train_bundle(*labels_of(painted), painted / "bundle", wrong)
    image.write_bytes(content)
    assert train_bundle(*labels_of(painted), painted / "bundle", config).folder == painted / "bundle"


def test_an_existing_out_is_refused(painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    (painted / "bundle").mkdir()
    with pytest.raises(
        TrainingError, match=rf"{painted / 'bundle'}: exists already; choose another --out or remove it"
    ):
        train_bundle(*labels_of(painted), painted / "bundle", quick)


def test_a_learning_rate_that_blows_up(painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    """It ends with advice, not with a bundle of NaN."""
    config = quick.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(TrainingError, match="the loss is not finite in epoch 0: lower the learning rate"):
        train_bundle(*labels_of(painted), painted / "bundle", config)
    assert not (painted / "bundle").exists()
