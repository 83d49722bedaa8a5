"""A bundle at work: bytes in, coherent predictions out."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from classifier.bundles.bundle import Bundle, read_bundle
from classifier.bundles.calibration import Calibration
from classifier.bundles.writing import write_calibration
from classifier.errors import AssetError, BundleError
from classifier.images.tensors import channel_stats
from classifier.inference.predictor import Predictor


@pytest.fixture(scope="module")
def predictor(trained: Bundle) -> Predictor:
    """The trained bundle, loaded."""
    return Predictor.load(trained.folder)


@pytest.fixture(scope="module")
def batch(trained: Bundle, predictor: Predictor) -> torch.Tensor:
    """Four images that training never saw, one of each colour."""
    folder = trained.folder.parent
    names = [f"test-{colour}-0.png" for colour in ("Red", "Orange", "Blue", "Green")]
    return torch.stack([predictor.pixels((folder / name).read_bytes(), name) for name in names])


def test_it_names_the_colours(predictor: Predictor, batch: torch.Tensor) -> None:
    predictions = predictor.predict(["1", "2", "3", "4"], batch)
    assert [prediction.asset for prediction in predictions] == ["1", "2", "3", "4"]
    ends = [prediction.levels[-1].node for prediction in predictions]
    assert ends == ["Warm > Red", "Warm > Orange", "Cold > Blue", "Cold > Green"]
    for prediction in predictions:
        assert (prediction.release, prediction.model) == (predictor.bundle.info.release, predictor.bundle.model)
        assert json.loads(json.dumps(prediction.as_dict()))["decision"]["path"] == list(prediction.decision.path)


def test_pixels_have_the_size_of_the_bundle(predictor: Predictor, batch: torch.Tensor) -> None:
    size = predictor.bundle.info.image_size_px
    assert (batch.shape, batch.dtype) == ((4, 3, size, size), torch.uint8)


def test_the_probabilities_are_coherent(predictor: Predictor) -> None:
    """Also of images that look like nothing it knows."""
    size = predictor.bundle.info.image_size_px
    noise = torch.randint(0, 256, (16, 3, size, size), dtype=torch.uint8)
    nodes, _ = predictor.probs(noise)
    parents, children = predictor.bundle.hierarchy.edges.T
    assert (nodes[:, children] <= nodes[:, parents]).all()
    torch.testing.assert_close(nodes[:, :2].sum(dim=1), torch.ones(16, dtype=torch.float64))


def test_the_batch_does_not_matter(predictor: Predictor, batch: torch.Tensor) -> None:
    """One by one and all together give the same to 1e-5."""
    alone = torch.cat([predictor.probs(image[None]).nodes for image in batch])
    torch.testing.assert_close(alone, predictor.probs(batch).nodes, rtol=0, atol=1e-5)


def test_the_temperature_and_the_threshold_are_those_of_the_bundle(
    trained: Bundle, tmp_path: Path, batch: torch.Tensor
) -> None:
    """At a high temperature all colours are alike, and a threshold then leaves the asset undecided."""
    copy = read_bundle(shutil.copytree(trained.folder, tmp_path / "bundle"))
    warm = Predictor(write_calibration(copy, Calibration(temperature=1000.0, threshold=0.9, target_accuracy=0.9)))
    prediction = warm.predict(["a"], batch[:1])[0]
    assert prediction.levels[0].confidence == pytest.approx(0.5, abs=0.02)
    assert prediction.decision.node is None
    assert prediction.decision.reason.startswith("undecided: ")


def test_a_bad_image_is_an_asset_error(predictor: Predictor) -> None:
    with pytest.raises(AssetError, match=r"a\.jpg: the file is empty"):
        predictor.pixels(b"", "a.jpg")


def test_weights_that_are_not_numbers(trained: Bundle, tmp_path: Path, batch: torch.Tensor) -> None:
    folder = shutil.copytree(trained.folder, tmp_path / "bundle")
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, "heads.heads.0.bias": torch.full((2,), float("nan"))}, folder / "model.safetensors")
    with pytest.raises(BundleError, match="the model's outputs are not finite"):
        Predictor.load(folder).predict(["a"], batch[:1])


def test_channel_stats_broadcast_over_images() -> None:
    mean, std = channel_stats((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    assert (mean.shape, std.shape) == ((3, 1, 1), (3, 1, 1))
    assert std.flatten().tolist() == [1.0, 2.0, 3.0]
