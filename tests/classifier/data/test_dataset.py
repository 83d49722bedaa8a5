"""Training images: augmented by (seed, epoch, index) alone, decoded once, and a bad one named by its line."""

from pathlib import Path

import pytest
import torch
from fixture_types import LabelsOf

from classifier.config import TrainingConfig
from classifier.data.dataset import AugmentedImages, ImageStore, PlainImages, epoch_loader, epoch_seed
from classifier.data.manifest import Sample
from classifier.errors import ManifestError


@pytest.fixture
def samples(painted: Path, labels_of: LabelsOf) -> tuple[Sample, ...]:
    """The training samples of the painted images."""
    return labels_of(painted)[0].split("train")


def test_an_augmented_image_depends_on_seed_epoch_and_index_alone(
    samples: tuple[Sample, ...], quick: TrainingConfig
) -> None:
    """Whatever was asked before, and whatever state torch's own generator is in."""
    one = AugmentedImages(ImageStore(samples, quick), quick, 3)
    torch.manual_seed(1)
    first = [one[index][0] for index in (0, 5, 7)]
    other = AugmentedImages(ImageStore(samples, quick), quick, 3)
    torch.manual_seed(2)
    again = [other[index][0] for index in (7, 5, 0)][::-1]
    assert all(torch.equal(left, right) for left, right in zip(first, again, strict=True))


def test_epochs_seeds_and_images_differ(samples: tuple[Sample, ...], quick: TrainingConfig) -> None:
    store = ImageStore(samples, quick)
    reseeded = quick.model_copy(update={"seed": 1})
    base = AugmentedImages(store, quick, 4)[0][0]
    assert not torch.equal(base, AugmentedImages(store, quick, 5)[0][0])
    assert not torch.equal(base, AugmentedImages(store, reseeded, 4)[0][0])
    assert epoch_seed(quick, 1) != epoch_seed(quick, 0)
    assert epoch_seed(reseeded, 0) != epoch_seed(quick, 1)


def test_augmenting_leaves_the_generator_alone(samples: tuple[Sample, ...], quick: TrainingConfig) -> None:
    images = AugmentedImages(ImageStore(samples, quick), quick, 0)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    _ = images[0]
    assert torch.equal(torch.rand(1), expected)


def test_every_image_comes_once_an_epoch(samples: tuple[Sample, ...], quick: TrainingConfig) -> None:
    """In an order that the epoch decides."""
    store = ImageStore(samples, quick)
    orders = [[int(i) for _, positions in epoch_loader(store, quick, epoch) for i in positions] for epoch in (0, 0, 1)]
    assert sorted(orders[0]) == list(range(32))
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]


def test_the_order_of_an_epoch_does_not_depend_on_who_looked_before(
    samples: tuple[Sample, ...], quick: TrainingConfig
) -> None:
    """Lightning opens the loader of a running epoch twice, of a resumed one once."""
    loader = epoch_loader(ImageStore(samples, quick), quick, 1)
    first, second = ([positions.tolist() for _, positions in loader] for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("count", "sizes"), [(32, [8] * 4), (30, [8, 8, 8, 6]), (25, [8, 8, 8]), (1, [1])])
def test_a_last_batch_of_one_image_is_left_out(
    samples: tuple[Sample, ...], quick: TrainingConfig, count: int, sizes: list[int]
) -> None:
    """Unless it is the only one."""
    loader = epoch_loader(ImageStore(samples[:count], quick), quick, 0)
    assert [len(positions) for _, positions in loader] == sizes
    assert len(loader) == len(sizes)


def test_the_images_of_an_epoch_have_its_size(samples: tuple[Sample, ...], quick: TrainingConfig) -> None:
    store = ImageStore(samples, quick)
    pixels, _ = next(iter(epoch_loader(store, quick, 0)))
    assert (pixels.shape, pixels.dtype) == ((8, 3, 32, 32), torch.uint8)
    pixels, _ = next(iter(epoch_loader(store, quick, quick.epochs - 1)))
    assert pixels.shape == (8, 3, 48, 48)


def test_sizes_grow_in_steps_of_sixteen() -> None:
    """From the start size to the full size, which the last sixth of the epochs has."""
    config = TrainingConfig(epochs=30, image_size_px=112, start_size_px=64)
    sizes = [config.size_at(epoch) for epoch in range(30)]
    assert sizes == sorted(sizes)
    assert set(sizes) == {64, 80, 96, 112}
    assert sizes[-5:] == [112] * 5
    assert config.test_size_px == 128


def test_plain_images_are_the_same_every_time(samples: tuple[Sample, ...]) -> None:
    images = PlainImages(samples, 48)
    assert len(images) == 32
    assert torch.equal(images[3][0], images[3][0])
    assert images[3][0].shape == (3, 48, 48)


def test_a_bad_image_names_its_line(samples: tuple[Sample, ...], quick: TrainingConfig) -> None:
    """Whether it is opened to train or to evaluate."""
    samples[2].image.write_bytes(samples[2].image.read_bytes()[:100])
    message = rf"labels line 4: {samples[2].image}: "
    with pytest.raises(ManifestError, match=message):
        ImageStore(samples, quick).fill(lambda *_: None)
    with pytest.raises(ManifestError, match=message):
        _ = PlainImages(samples, 48)[2]


def test_decoded_images_are_kept(samples: tuple[Sample, ...], quick: TrainingConfig) -> None:
    """After one pass the files are not needed."""
    store = ImageStore(samples, quick)
    seen: list[tuple[int, int]] = []
    store.fill(lambda _stage, done, total, _note: seen.append((done, total)))
    assert seen == [(number, 32) for number in range(1, 33)]
    for sample in samples:
        sample.image.unlink()
    assert store[31].dtype == torch.uint8
