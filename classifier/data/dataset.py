"""Training and evaluation images: decoded once where they fit in memory, augmented by (seed, epoch, index) alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from classifier.config import TrainingConfig
from classifier.data.manifest import Sample
from classifier.errors import AssetError, ManifestError
from classifier.images.decode import decode, read_image_file
from classifier.images.tensors import square_pixels
from classifier.progress import Progress

CACHE_BYTES = 2 * 2**30
_GREY = (124, 116, 104)  # the mean colour of photographs, in place of what is erased
_ROOM_TO_CROP = 1.3  # decoded images keep this much more than the training size

Batch = tuple[Tensor, Tensor]  # ((B, 3, S, S) uint8, (B,) int64 positions in the samples)


class ImageStore:
    """Decoded training images (3, H, W) uint8, kept in memory until CACHE_BYTES are full."""

    def __init__(self, samples: Sequence[Sample], config: TrainingConfig) -> None:
        self._samples = samples
        self._short_side_px = round(config.image_size_px * _ROOM_TO_CROP)
        self._kept: dict[int, Tensor] = {}
        self._free_bytes = CACHE_BYTES

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Tensor:
        """The image of one sample. Raises ManifestError, naming the line, when it cannot be decoded."""
        if index in self._kept:
            return self._kept[index]
        image: Tensor = v2.functional.pil_to_tensor(_open(self._samples[index], self._short_side_px))
        if image.nbytes <= self._free_bytes:
            self._free_bytes -= image.nbytes
            self._kept[index] = image
        return image

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which decodes anew."""
        return {**self.__dict__, "_kept": {}, "_free_bytes": CACHE_BYTES}

    def fill(self, progress: Progress) -> None:
        """Decode every image once, so that a bad one stops training before it begins."""
        for index in range(len(self)):
            _ = self[index]
            progress("decode", index + 1, len(self), "")


class AugmentedImages(Dataset[Batch]):
    """One epoch of random crops: item i depends on (seed, epoch, i) alone, whatever ran before."""

    def __init__(self, images: ImageStore, config: TrainingConfig, epoch: int) -> None:
        self._images = images
        self._seed = epoch_seed(config, epoch)
        self._augment = augmentation(config, epoch)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Batch:
        """((3, S, S) uint8, index)."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed + index)
            return self._augment(self._images[index]), torch.tensor(index)


class PlainImages(Dataset[Batch]):
    """Images for evaluation: the centre, unaugmented."""

    def __init__(self, samples: Sequence[Sample], size_px: int) -> None:
        self._samples = samples
        self._size_px = size_px

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Batch:
        """((3, S, S) uint8, index). Raises ManifestError, naming the line, when the image cannot be decoded."""
        image = _open(self._samples[index], self._size_px)
        return square_pixels(image, self._size_px), torch.tensor(index)


def check_images(samples: Sequence[Sample], config: TrainingConfig) -> None:
    """Raise ManifestError, naming the line, on the first image that cannot be decoded."""
    for sample in samples:
        _open(sample, config.test_size_px)


def augmentation(config: TrainingConfig, epoch: int) -> v2.Transform:
    """Crop, flip and colour as the recipe says: (3, H, W) uint8 -> (3, S, S) uint8 at the size of the epoch."""
    jitter = config.color_jitter
    steps = [
        v2.RandomResizedCrop(config.size_at(epoch), scale=(config.crop_min_area, 1.0), antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(jitter, jitter, jitter),
    ]
    if config.augmentation == "trivial":
        steps.append(v2.TrivialAugmentWide())
    elif config.augmentation == "rand":
        steps.append(v2.RandAugment())
    if config.erasing_probability:
        steps.append(v2.RandomErasing(config.erasing_probability, value=_GREY))
    return v2.Compose(steps)


@dataclass(frozen=True, slots=True)
class Draw:
    """Which samples an epoch takes: all of them once, or as many by their weights (S,); `rank` of `ranks` processes."""

    weights: Tensor | None = None
    rank: int = 0
    ranks: int = 1

    def order(self, count: int, generator: torch.Generator) -> list[int]:
        """The positions that this process takes, in order; every process takes equally many."""
        if self.weights is None:
            drawn = torch.randperm(count, generator=generator)
        else:
            drawn = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        whole = count - count % self.ranks
        order: list[int] = drawn[:whole][self.rank :: self.ranks].tolist()
        return order


def epoch_loader(images: ImageStore, config: TrainingConfig, epoch: int, draw: Draw | None = None) -> DataLoader[Batch]:
    """The shuffled batches of one epoch; a last batch of a single image is left out, as batch norm needs two."""
    generator = torch.Generator().manual_seed(epoch_seed(config, epoch))
    order = (draw or Draw()).order(len(images), generator)
    dataset = AugmentedImages(images, config, epoch)
    lone = len(order) > config.batch_size and len(order) % config.batch_size == 1
    return DataLoader(dataset, config.batch_size, sampler=order, generator=generator, drop_last=lone)


def epoch_seed(config: TrainingConfig, epoch: int) -> int:
    """A seed for each epoch, at least a billion apart, so that items and steps can be added to it."""
    return (config.seed * 100_003 + epoch) * 1_000_000_007 % 2**62


def _open(sample: Sample, short_side_px: int) -> Image.Image:
    try:
        return decode(read_image_file(sample.image), str(sample.image), short_side_px)
    except AssetError as error:
        raise ManifestError(f"labels line {sample.line}: {error}") from None
