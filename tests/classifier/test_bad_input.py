"""Data and disks that go wrong: a clear error, or a fallback that is stated here."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fixture_types import FullDisk, LabelsOf

from classifier.bundles.bundle import Bundle, make_net, read_bundle
from classifier.bundles.calibration import Calibration
from classifier.bundles.writing import write_bundle, write_calibration
from classifier.config import TrainingConfig
from classifier.data.manifest import read_manifest
from classifier.errors import BundleError, ManifestError, TrainingError
from classifier.training.train import evaluate_bundle, train_bundle
from taxonomy import read_taxonomy


@pytest.fixture(scope="module")
def brief(quick: TrainingConfig) -> TrainingConfig:
    """One epoch."""
    return quick.model_copy(update={"epochs": 1})


def keep(folder: Path, wanted: Callable[[str], bool]) -> None:
    """Keep the rows of a labels.csv that are wanted."""
    header, *rows = (folder / "labels.csv").read_text().splitlines()
    (folder / "labels.csv").write_text("\n".join([header, *filter(wanted, rows)]) + "\n")


def test_all_samples_at_one_node(painted: Path, labels_of: LabelsOf, brief: TrainingConfig) -> None:
    """Trains to a model that always says that node; `cladist data check` is what calls it an error."""
    keep(painted, lambda row: "Warm > Red" in row)
    manifest, taxonomy = labels_of(painted)
    made = train_bundle(manifest, taxonomy, painted / "bundle", brief)
    metrics = evaluate_bundle(made, manifest.split("test"))
    assert metrics.full_path_accuracy == 1.0
    assert metrics.levels[1].ece == 0.0


def test_a_node_with_one_sample(painted: Path, labels_of: LabelsOf, brief: TrainingConfig) -> None:
    """Trains as any other; the node is simply rare."""
    keep(painted, lambda row: "Red" not in row or row.startswith("train-Red-0.png"))
    manifest, taxonomy = labels_of(painted)
    made = train_bundle(manifest, taxonomy, painted / "bundle", brief)
    assert evaluate_bundle(made, manifest.split("test")).samples == 15


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_empty_split_is_refused(
    painted: Path, labels_of: LabelsOf, brief: TrainingConfig, trained: Bundle, split: str
) -> None:
    """Nothing to train on, or to measure on: the split is named."""
    keep(painted, lambda row: not row.endswith(split))
    manifest, taxonomy = labels_of(painted)
    work: dict[str, Callable[[], object]] = {
        "train": lambda: train_bundle(manifest, taxonomy, painted / "bundle", brief),
        "test": lambda: evaluate_bundle(trained, manifest.split("test")),
    }
    with pytest.raises(ManifestError, match=rf"labels\.csv: the split '{split}' has no samples"):
        work[split]()


def test_a_label_at_an_unknown_node(painted: Path) -> None:
    """Reading for training stops at the first, with its line; `cladist data check` lists them all."""
    taxonomy = read_taxonomy(painted / "labels.csv")
    with (painted / "labels.csv").open("a") as stream:
        stream.write("train-Red-0.png,Warm > Pink,train\n")
    with pytest.raises(ManifestError, match=r"line 78: 'Warm > Pink' is not in the taxonomy"):
        read_manifest(painted / "labels.csv", taxonomy)


def test_a_disk_that_fills_up_in_training(
    painted: Path, labels_of: LabelsOf, brief: TrainingConfig, full_disk: FullDisk
) -> None:
    """The folder is named; with room again the same training ends well."""
    manifest, taxonomy = labels_of(painted)
    with full_disk(100_000), pytest.raises(TrainingError, match=r"bundle\.training: cannot be written: File too large"):
        train_bundle(manifest, taxonomy, painted / "bundle", brief)
    assert not (painted / "bundle").exists()
    resume = (painted / "bundle.training").exists()
    assert train_bundle(manifest, taxonomy, painted / "bundle", brief, resume=resume).model


@pytest.mark.parametrize("limit_bytes", [10, 100_000])
def test_a_disk_that_fills_up_while_a_bundle_is_written(
    trained: Bundle, tmp_path: Path, full_disk: FullDisk, limit_bytes: int
) -> None:
    """One line; no bundle and no part of one is left."""
    net = make_net("test_resnet", trained.hierarchy)
    with full_disk(limit_bytes), pytest.raises(BundleError, match=r"new: cannot be written: .*File too large"):
        write_bundle(tmp_path / "new", net, trained.info, trained.taxonomy, trained.calibration)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_while_a_bundle_is_calibrated(
    trained: Bundle, tmp_path: Path, full_disk: FullDisk
) -> None:
    """The bundle stays as it was."""
    net = make_net("test_resnet", trained.hierarchy)
    made = write_bundle(tmp_path / "new", net, trained.info, trained.taxonomy, trained.calibration)
    files = sorted(path.name for path in made.folder.iterdir())
    with full_disk(10), pytest.raises(BundleError, match=r"calibration\.json: cannot be written: .*File too large"):
        write_calibration(made, Calibration(temperature=2.0))
    assert read_bundle(made.folder).version == made.version
    assert sorted(path.name for path in made.folder.iterdir()) == files
