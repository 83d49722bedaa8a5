"""Drift between samples of images: found where it matters, silent where it does not."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from classifier.bundles.bundle import Bundle, read_bundle
from classifier.bundles.calibration import EntropyTemperature
from classifier.bundles.writing import write_calibration
from classifier.datacheck.drift import compare, drift_findings
from classifier.datacheck.outlook import columns, outlook
from classifier.datacheck.pictures import STATISTICS, statistics, survey
from classifier.datacheck.production import MAX_SAMPLE, evenly, production_images
from classifier.errors import DataCheckError
from classifier.inference.predictor import Predictor

RANDOM = np.random.default_rng(0)


def test_effect_sizes_by_hand() -> None:
    """Everything of the second above everything of the first: distance and delta 1; half overlapping: in between."""
    (apart,) = compare({"x": np.arange(50.0)}, {"x": np.arange(50.0) + 50})
    assert (apart.gap, apart.lean, apart.medians) == (1.0, 1.0, (24.5, 74.5))
    (half,) = compare({"x": np.arange(50.0)}, {"x": np.arange(50.0) + 25})
    assert half.gap == pytest.approx(0.5)
    assert half.lean == pytest.approx(1 - 2 * (25 * 24 / 2 + 12.5) / 2500)


def test_only_what_differs_is_found() -> None:
    """A shifted statistic, and none that is not; NaN is left out."""
    ours = {"same": RANDOM.normal(0, 1, 400), "shifted": RANDOM.normal(0, 1, 400)}
    theirs = {"same": RANDOM.normal(0, 1, 300), "shifted": np.append(RANDOM.normal(1, 1, 300), np.nan)}
    (finding,) = drift_findings("here", ours, theirs)
    assert (finding.kind, finding.severity, finding.where) == ("drift", "warning", "here")
    assert finding.what.startswith("shifted: median ")
    assert "KS distance 0." in finding.what


def test_a_certain_but_small_difference_is_not_drift() -> None:
    """With enough images anything is significant: the size of the effect decides."""
    ours, theirs = {"x": RANDOM.normal(0, 1, 50_000)}, {"x": RANDOM.normal(0.1, 1, 50_000)}
    assert compare(ours, theirs)[0].chance < 1e-9
    assert list(drift_findings("here", ours, theirs)) == []


def test_chance_alone_is_not_drift() -> None:
    """A hundred comparisons of thirty images from one source give at most a few findings."""
    draws = [({"x": RANDOM.normal(size=30)}, {"x": RANDOM.normal(size=30)}) for _ in range(100)]
    assert sum(len(list(drift_findings("here", *pair))) for pair in draws) <= 4


def test_too_few_images_are_said_to_be_too_few() -> None:
    """A note, where silence would read as agreement."""
    (finding,) = drift_findings("here", {"x": np.arange(5.0)}, {"x": np.arange(500.0)})
    assert (finding.severity, finding.what) == ("note", "5 images are too few to compare; 20 are needed")


def test_the_statistics_of_an_image() -> None:
    """Grey has no colour, blank no sharpness, black no brightness; noise is sharp, red is colourful."""
    grey = dict(zip(STATISTICS, statistics(Image.new("RGB", (80, 40), (128, 128, 128)), 800), strict=True))
    assert grey == pytest.approx(
        {"size": 800, "aspect": 2.0, "brightness": 128 / 255, "colourfulness": 0, "sharpness": 0}, abs=1e-5
    )
    noise = Image.effect_noise((64, 64), 80).convert("RGB")
    red = Image.new("RGB", (64, 64), (255, 0, 0))
    assert statistics(noise, 64)[4] > 0.1
    assert statistics(red, 64)[3] > 80
    assert statistics(Image.new("RGB", (1, 1)), 1) == (1, 1.0, 0.0, 0.0, 0.0)


def test_a_survey_goes_on_after_a_bad_image(tmp_path: Path) -> None:
    """Numbers for what can be read, at its true size; a message each for what cannot."""
    Image.new("RGB", (700, 350), (200, 40, 40)).save(tmp_path / "good.jpg")
    (tmp_path / "text.png").write_text("no image")
    paths = [tmp_path / name for name in ("text.png", "good.jpg", "gone.png")] * 100
    told: list[int] = []
    found = survey(paths, lambda _stage, done, _total, _note: told.append(done))
    assert told == list(range(1, 301))
    assert found.readable.tolist() == [False, True, False] * 100
    assert len(found.errors) == 200
    assert "text.png: not an image" in found.errors[0]
    assert found.statistics[1].tolist()[:2] == [700, 2.0]
    assert np.isnan(found.statistics[0]).all()


def test_a_file_name_that_is_no_text_can_still_be_printed(tmp_path: Path) -> None:
    """The message is valid Unicode."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    path.write_bytes(b"no image")
    assert "?.png" in survey([path]).errors[0].encode().decode()


def test_a_production_sample_is_a_folder_or_a_csv(tmp_path: Path) -> None:
    """Of a folder the files with an image's suffix, however deep; of a CSV its image column."""
    (tmp_path / "deep").mkdir()
    for name in ("b.JPG", "deep/a.png", "notes.txt"):
        (tmp_path / name).touch()
    assert production_images(tmp_path) == [tmp_path / "b.JPG", tmp_path / "deep" / "a.png"]
    (tmp_path / "list.csv").write_text("when,image\n1,deep/a.png\n2,/abs/x.png\n")
    assert production_images(tmp_path / "list.csv") == [tmp_path / "deep" / "a.png", Path("/abs/x.png")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "list.csv: No such file"),
        ("picture\na.png\n", "list.csv: line 1: expected a header with 'image'"),
        ("image\n", "list.csv: holds no image"),
        ('image\n"a', "list.csv: unexpected end of data"),
    ],
)
def test_a_bad_production_sample_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    """One line that names the file."""
    if content is not None:
        (tmp_path / "list.csv").write_text(content)
    with pytest.raises(DataCheckError, match=message):
        production_images(tmp_path / "list.csv")


def test_a_large_production_sample_is_thinned_evenly() -> None:
    assert evenly(range(10), 20) == list(range(10))
    assert evenly(range(10), 5) == [0, 2, 4, 6, 8]
    assert len(evenly(range(3 * MAX_SAMPLE + 7), MAX_SAMPLE)) == MAX_SAMPLE


def test_a_model_sees_drift_in_its_confidences_and_features(trained: Bundle, tmp_path: Path) -> None:
    """Dimmed images look different to the model that was trained on bright ones; unreadable ones are left out."""
    bright = sorted(trained.folder.parent.glob("t*.png"))
    dimmed = []
    for path in bright:
        dimmed.append(tmp_path / path.name)
        with Image.open(path) as image:
            ImageEnhance.Brightness(image).enhance(0.25).save(dimmed[-1])
    ours, theirs = outlook(trained, bright), outlook(trained, [*dimmed, tmp_path / "gone.png"])
    assert len(theirs.best_root) == len(dimmed)
    assert (theirs.best_root >= theirs.best_terminal - 1e-6).all()
    found = list(drift_findings("here", *columns(ours, theirs)))
    assert any(finding.what.startswith("feature direction") for finding in found)
    assert list(drift_findings("here", *columns(ours, ours))) == []


def test_the_confidences_compared_are_those_served(trained: Bundle, tmp_path: Path) -> None:
    """As the calibration scales them, the temperature by entropy included."""
    copy = read_bundle(shutil.copytree(trained.folder, tmp_path / "bundle"))
    entropy = EntropyTemperature(offset=2.0, slope=-0.5, lowest=0.0, highest=9.0)
    changed = write_calibration(copy, copy.calibration.model_copy(update={"entropy": entropy}))
    images = sorted(trained.folder.parent.glob("test-*.png"))[:8]
    predictor = Predictor(changed)
    pixels = torch.stack([predictor.pixels(image.read_bytes(), image.name) for image in images])
    nodes = predictor.probs(pixels).nodes.numpy()
    hierarchy = changed.hierarchy
    seen = outlook(changed, images)
    np.testing.assert_allclose(seen.best_root, nodes[:, hierarchy.level_slices[0]].max(1), atol=2e-3)
    np.testing.assert_allclose(seen.best_terminal, nodes[:, hierarchy.terminals].max(1), atol=2e-3)
    assert np.abs(outlook(trained, images).best_terminal - seen.best_terminal).max() > 0.02
