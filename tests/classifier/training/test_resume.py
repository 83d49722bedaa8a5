"""Interrupted training: resumed, it ends as if nothing had happened; or it says why it cannot be resumed."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fixture_types import LabelsOf

import classifier
from classifier.bundles.bundle import Bundle
from classifier.config import TrainingConfig
from classifier.errors import TrainingError
from classifier.training.train import train_bundle

KILLED_AT_STEP = """
import os, signal, sys
from pathlib import Path
import torch
from classifier.config import TrainingConfig
from classifier.training.train import train_bundle
from classifier.data.manifest import read_manifest
from taxonomy import read_taxonomy

def kill(stage, done, total, note):
    if stage == "train" and done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

torch.set_num_threads(1)
labels = Path(sys.argv[1]) / "labels.csv"
taxonomy = read_taxonomy(labels)
config = TrainingConfig.model_validate_json(sys.argv[2])
train_bundle(read_manifest(labels, taxonomy), taxonomy, labels.parent / "bundle", config, progress=kill)
"""


class InterruptionError(Exception):
    """The world's: raised out of the progress that training reports to."""


def stop_at(stage: str, step: int) -> Callable[[str, int, int, str], None]:
    def progress(name: str, done: int, _total: int, _note: str, /) -> None:
        if name == stage and done >= step:
            raise InterruptionError

    return progress


def assert_same(bundle: Bundle, unbroken: Bundle) -> None:
    """The same metrics to the last digit, and the same weights, calibration and taxonomy to the last bit."""
    assert (bundle.folder / "metrics.json").read_text() == (unbroken.folder / "metrics.json").read_text()
    assert bundle.version == unbroken.version


def kill_in_step(folder: Path, config: TrainingConfig, step: int) -> int:
    """Train in a process of its own that sends itself SIGKILL; its exit status."""
    root = str(Path(classifier.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_STEP, str(folder), config.model_dump_json(), str(step)],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        check=False,
    )
    return done.returncode


def test_killed_in_the_middle_and_resumed(
    trained: Bundle, painted: Path, labels_of: LabelsOf, quick: TrainingConfig
) -> None:
    """SIGKILL in step 22 of 40, then resume: the model of an unbroken run."""
    if kill_in_step(painted, quick, 22) != -signal.SIGKILL:
        pytest.fail("the process was not killed where it should have been")
    left = sorted(path.name for path in (painted / "bundle.training").iterdir())
    if left != ["epoch=00004.ckpt", "training.json"]:
        pytest.fail(f"left behind: {left}")
    assert_same(train_bundle(*labels_of(painted), painted / "bundle", quick, resume=True), trained)


@pytest.mark.parametrize(
    ("stage", "step"),
    [
        pytest.param(
            "train",
            2,
            id="in the first epoch",
        ),
        pytest.param(
            "train",
            7,
            id="in the second epoch",
        ),
        pytest.param(
            "train",
            38,
            id="in the last epoch",
        ),
        pytest.param("calibrate", 1, id="while it calibrates"),
        pytest.param(
            "evaluate",
            1,
            id="while it measures",
        ),
    ],
)
def test_interrupted_anywhere_and_resumed(
    trained: Bundle, painted: Path, labels_of: LabelsOf, quick: TrainingConfig, stage: str, step: int
) -> None:
    """Wherever it was cut off, the model and its metrics are those of an unbroken run."""
    with pytest.raises(InterruptionError):
        train_bundle(*labels_of(painted), painted / "bundle", quick, progress=stop_at(stage, step))
    bundle = train_bundle(*labels_of(painted), painted / "bundle", quick, resume=True)
    assert_same(bundle, trained)
    assert not (painted / "bundle.training").exists()


@pytest.fixture
def interrupted(painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> Path:
    """A folder in which training stopped in its third epoch."""
    with pytest.raises(InterruptionError):
        train_bundle(*labels_of(painted), painted / "bundle", quick, progress=stop_at("train", 10))
    return painted


def refused(folder: Path, labels_of: LabelsOf, config: TrainingConfig, *, resume: bool) -> str:
    with pytest.raises(TrainingError) as caught:
        train_bundle(*labels_of(folder), folder / "bundle", config, resume=resume)
    return str(caught.value).removeprefix(f"{folder / 'bundle.training'}: ")


def test_no_training_to_resume(painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    assert refused(painted, labels_of, quick, resume=True) == "no training to resume"


def test_an_unfinished_training_is_not_overwritten(
    interrupted: Path, labels_of: LabelsOf, quick: TrainingConfig
) -> None:
    message = "an unfinished training; --resume goes on with it, or remove the folder"
    before = sorted(path.name for path in (interrupted / "bundle.training").iterdir())
    assert refused(interrupted, labels_of, quick, resume=False) == message
    assert sorted(path.name for path in (interrupted / "bundle.training").iterdir()) == before


def test_resuming_with_other_options(interrupted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    other = quick.model_copy(update={"seed": 1})
    message = "was started with other options, labels or taxonomy; give the same to resume"
    assert refused(interrupted, labels_of, other, resume=True) == message


def test_resuming_with_other_labels(interrupted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    labels = interrupted / "labels.csv"
    labels.write_text(labels.read_text().replace("train-Red-0.png,Warm > Red", "train-Red-0.png,Warm > Orange"))
    assert "was started with other options, labels or taxonomy" in refused(interrupted, labels_of, quick, resume=True)


def test_a_torn_checkpoint_is_passed_over(
    trained: Bundle, painted: Path, labels_of: LabelsOf, quick: TrainingConfig
) -> None:
    """A newer one that was cut off while it was written does no harm: the older whole one is resumed."""
    with pytest.raises(InterruptionError):
        train_bundle(*labels_of(painted), painted / "bundle", quick, progress=stop_at("calibrate", 1))
    whole = painted / "bundle.training" / "epoch=00009.ckpt"
    (painted / "bundle.training" / "epoch=00010.ckpt").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert_same(train_bundle(*labels_of(painted), painted / "bundle", quick, resume=True), trained)


def test_no_whole_checkpoint(trained: Bundle, interrupted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    """Where none is left the training starts anew, with the same end."""
    for checkpoint in (interrupted / "bundle.training").glob("*.ckpt"):
        checkpoint.write_bytes(b"torn")
    assert_same(train_bundle(*labels_of(interrupted), interrupted / "bundle", quick, resume=True), trained)


def test_a_removed_folder_frees_the_name(interrupted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    shutil.rmtree(interrupted / "bundle.training")
    config = quick.model_copy(update={"epochs": 1})
    assert train_bundle(*labels_of(interrupted), interrupted / "bundle", config).folder == interrupted / "bundle"


def test_an_interrupt_from_the_keyboard(painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    """Ctrl-C comes out as Ctrl-C, and the next Ctrl-C is heard as well."""

    def progress(stage: str, done: int, _total: int, _note: str, /) -> None:
        if stage == "train" and done == 6:
            os.kill(os.getpid(), signal.SIGINT)

    # What runs the tests in the background may have them ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            train_bundle(*labels_of(painted), painted / "bundle", quick, progress=progress)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert (painted / "bundle.training" / "epoch=00000.ckpt").is_file()
