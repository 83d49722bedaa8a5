"""Decoded images as tensors: cropped to a square, stacked, normalised."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from classifier.images.samples import WHITE


def square_pixels(image: Image.Image, size_px: int) -> Tensor:
    """The centre of the image, its shorter side scaled to `size_px`: (3, size_px, size_px) uint8 over HWC memory."""
    fitted = ImageOps.fit(image, (size_px, size_px), method=Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(fitted)).permute(2, 0, 1)


def stacked(pixels: Sequence[Tensor]) -> Tensor:
    """(B, 3, H, W) in channels_last order; of images with their channels innermost by one plain copy."""
    return torch.stack([image.permute(1, 2, 0) for image in pixels]).permute(0, 3, 1, 2)


def normalise(pixels: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """(B, 3, H, W) uint8 -> float32 in channels_last order; mean and std are (3, 1, 1), of values in [0, 1].

    Whole rows of pixels are scaled at once: processors are slow at innermost dimensions of 3.
    """
    count, channels, height, width = pixels.shape
    rows = pixels.permute(0, 2, 3, 1).reshape(count, height, width * channels).float()
    scale, offset = (1 / (WHITE * std)).flatten().repeat(width), (-mean / std).flatten().repeat(width)
    rows.mul_(scale.to(pixels.device)).add_(offset.to(pixels.device))
    return rows.view(count, height, width, channels).permute(0, 3, 1, 2)


def channel_stats(mean: Sequence[float], std: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Mean and std of the three channels as `normalise` takes them: (3, 1, 1) tensors."""
    return torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)
