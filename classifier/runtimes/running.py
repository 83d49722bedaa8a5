"""Run a network: on a batch, and over labelled images in order."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from classifier.data.dataset import Batch, PlainImages
from classifier.data.manifest import Sample
from classifier.images.tensors import normalise
from classifier.networks.devices import default_device
from classifier.networks.heads import HierarchicalNet
from classifier.progress import Progress

_EVALUATION_BATCH = 64


def run_net(
    net: HierarchicalNet,
    samples: Sequence[Sample],
    stats: tuple[Tensor, Tensor],
    size_px: int,
    progress: Progress,
    stage: str,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield ((B, C) logits, (B,) positions in the samples), in evaluation mode."""
    device = default_device()
    net = net.to(device).eval()
    loader: DataLoader[Batch] = DataLoader(PlainImages(samples, size_px), _EVALUATION_BATCH)
    for pixels, positions in loader:
        yield forward(net, pixels.to(device), stats), positions
        progress(stage, int(positions[-1]) + 1, len(samples), "")


def forward(net: HierarchicalNet, pixels: Tensor, stats: tuple[Tensor, Tensor]) -> Tensor:
    """(B, C) logits of (B, 3, S, S) uint8 images on the network's device."""
    with torch.inference_mode():
        logits: Tensor = net(normalise(pixels, *stats))
    return logits


def channel_stats(mean: Sequence[float], std: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Mean and std as (3, 1, 1) tensors."""
    return torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)
