"""Fixtures of the classifier's tests: painted images, a recipe that trains in a second, and a trained bundle."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fixture_types import Encoded, LabelsOf
from hypothesis import HealthCheck, settings
from PIL import Image
from small_taxonomies import outdoor_shop

from classifier.bundles.bundle import Bundle
from classifier.config import TrainingConfig
from classifier.data.manifest import Manifest, read_manifest
from classifier.training.train import train_bundle
from taxonomy import Hierarchy, Node, Taxonomy, read_taxonomy

settings.register_profile("cladist", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cladist")  # no test may depend on how busy the machine is

COLOURS = {
    "Warm > Red": (220, 40, 40),
    "Warm > Orange": (230, 150, 30),
    "Cold > Blue": (40, 60, 220),
    "Cold > Green": (40, 200, 60),
}
PER_SPLIT = {"train": 8, "val": 6, "test": 5}


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Torch on one core: the machine is shared, and sums come out the same every time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def paint(folder: Path) -> None:
    """Images of one noisy colour, and the labels.csv that names their colours, in three splits."""
    random = np.random.default_rng(0)
    rows = ["image,path,split"]
    for split, count in PER_SPLIT.items():
        for path, colour in COLOURS.items():
            for number in range(count):
                name = f"{split}-{path.split()[-1]}-{number}.png"
                pixels = np.array(colour) + random.normal(0, 60, (40, 40, 3))
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name)
                rows.append(f"{name},{path},{split}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture
def painted(tmp_path: Path) -> Path:
    """A fresh folder of painted images with its labels.csv."""
    folder = tmp_path / "painted"
    folder.mkdir()
    paint(folder)
    return folder


def labels_of(folder: Path) -> tuple[Manifest, Taxonomy]:
    """The manifest of a folder's labels.csv, and the taxonomy of its paths."""
    taxonomy = read_taxonomy(folder / "labels.csv")
    return read_manifest(folder / "labels.csv", taxonomy), taxonomy


@pytest.fixture(name="labels_of")
def _labels_of() -> LabelsOf:
    """labels_of(folder): the manifest of its labels.csv, and the taxonomy of its paths."""
    return labels_of


@pytest.fixture(scope="session")
def quick() -> TrainingConfig:
    """A recipe that learns the painted images in about a second, random choices included."""
    return TrainingConfig(
        backbone="test_resnet",
        epochs=10,
        image_size_px=48,
        start_size_px=32,
        batch_size=8,
        learning_rate=1e-2,
        color_jitter=0.1,
        precision="32-true",
        ema_decay=0.9,
        target_accuracy=0.9,
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, quick: TrainingConfig) -> Bundle:
    """A bundle trained on painted images without interruption. Read only: copy it to change it."""
    folder = tmp_path_factory.mktemp("trained")
    paint(folder)
    return train_bundle(*labels_of(folder), folder / "bundle", quick)


@pytest.fixture
def tree() -> Hierarchy:
    """A(a1, a2) and B(b1, b2), at positions A 0, B 1, a1 2, a2 3, b1 4, b2 5."""
    leaves = [Node(f"{root}{i}", f"{root}{i}", (root.upper(),)) for root in "ab" for i in (1, 2)]
    return Hierarchy.compile(Taxonomy([Node("A", "A"), Node("B", "B"), *leaves]))


@pytest.fixture
def dag() -> Hierarchy:
    """out 0, wear 1 | foot 2 (assignable, under wear), tents 3 | boots 4 (under out and foot), sandals 5."""
    return Hierarchy.compile(outdoor_shop())


@pytest.fixture
def encoded() -> Encoded:
    """encoded(image, format, **options): the bytes of an image file."""

    def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
        stream = BytesIO()
        image.save(stream, image_format, **options)
        return stream.getvalue()

    return encode
