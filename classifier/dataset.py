"""Training and evaluation images: decoded once where they fit in memory, augmented by (seed, epoch, index) alone."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from classifier.config import TrainingConfig
from classifier.errors import AssetError, ManifestError
from classifier.images import decode, read_image_file, square_pixels
from classifier.manifest import Sample
from classifier.progress import Progress

CACHE_BYTES = 2 * 2**30
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
        jitter = config.color_jitter
        self._augment = v2.Compose(
            [
                v2.RandomResizedCrop(config.size_at(epoch), scale=(config.crop_min_area, 1.0), antialias=True),
                v2.RandomHorizontalFlip(),
                v2.ColorJitter(jitter, jitter, jitter),
            ]
        )

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


def epoch_loader(images: ImageStore, config: TrainingConfig, epoch: int) -> DataLoader[Batch]:
    """The shuffled batches of one epoch; a last batch of a single image is left out, as batch norm needs two."""
    generator = torch.Generator().manual_seed(epoch_seed(config, epoch))
    order = torch.randperm(len(images), generator=generator).tolist()
    dataset = AugmentedImages(images, config, epoch)
    lone = len(dataset) > config.batch_size and len(dataset) % config.batch_size == 1
    return DataLoader(dataset, config.batch_size, sampler=order, generator=generator, drop_last=lone)


def epoch_seed(config: TrainingConfig, epoch: int) -> int:
    """A seed that leaves room for an offset of a billion items or steps within the epoch."""
    return (config.seed * 100_003 + epoch) * 1_000_000_007 % 2**62


def _open(sample: Sample, short_side_px: int) -> Image.Image:
    try:
        return decode(read_image_file(sample.image), str(sample.image), short_side_px)
    except AssetError as error:
        raise ManifestError(f"labels line {sample.line}: {error}") from None
