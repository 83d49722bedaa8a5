"""Run a bundle: bytes to pixels, pixels to coherent probabilities, probabilities to what is said of each asset."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from classifier.adaptation import AdaptedOutput
from classifier.backbone import default_device
from classifier.bundle import Bundle, read_bundle
from classifier.coherence import NodeProbs
from classifier.decision import AssetPrediction, predict_asset
from classifier.errors import BundleError
from classifier.heads import HierarchicalNet
from classifier.images import decode, normalise, square_pixels
from classifier.method import PATH_SOFTMAX
from taxonomy.diff import Difference


class Predictor:
    """A loaded bundle on one device; `predict` is what workers and the command line call.

    With a `difference` from the bundle's release to another its answers are given in that other release, whose
    hierarchy is `hierarchy`; `unreachable` names the terminals of it that the bundle cannot answer.
    """

    def __init__(
        self, bundle: Bundle, device: torch.device | None = None, difference: Difference | None = None
    ) -> None:
        self.bundle = bundle
        self._device = device or default_device()
        self._net = bundle.load_net().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        adapted = AdaptedOutput(bundle.hierarchy, difference) if difference is not None else None
        self.hierarchy = adapted.hierarchy if adapted is not None else bundle.hierarchy
        self.unreachable = adapted.unreachable if adapted is not None else ()
        self._output = (adapted or PATH_SOFTMAX.make_output(bundle.hierarchy)).to(self._device)
        self._stats = channel_stats(bundle.info.mean, bundle.info.std)

    @classmethod
    def load(cls, folder: str | Path) -> "Predictor":
        """Read a bundle and its weights. Raises BundleError."""
        return cls(read_bundle(folder))

    def pixels(self, content: bytes, source: str) -> Tensor:
        """(3, S, S) uint8 from the bytes of an image file. Raises AssetError."""
        size_px = self.bundle.info.image_size_px
        return square_pixels(decode(content, source, size_px), size_px)

    def probs(self, pixels: Tensor) -> NodeProbs:
        """Calibrated probabilities of (B, 3, S, S) uint8 images, on the CPU."""
        logits = forward(self._net, pixels.to(self._device), self._stats)
        nodes, best = self._output.predict(logits, self.bundle.calibration.temperature)
        return NodeProbs(nodes.cpu(), best.cpu())

    def predict(self, assets: Sequence[str], pixels: Tensor) -> list[AssetPrediction]:
        """One prediction for each named image of a (B, 3, S, S) uint8 batch.

        Raises BundleError when the weights give numbers that are not finite.
        """
        nodes, best = self.probs(pixels)
        rows = nodes.numpy()
        if not np.isfinite(rows).all():
            raise BundleError(f"{self.bundle.folder}: the model's outputs are not finite")
        return [
            predict_asset(
                asset,
                row,
                int(end),
                self.hierarchy,
                model=self.bundle.model,
                threshold=self.bundle.calibration.threshold,
            )
            for asset, row, end in zip(assets, rows, best, strict=True)
        ]


def forward(net: HierarchicalNet, pixels: Tensor, stats: tuple[Tensor, Tensor]) -> Tensor:
    """(B, C) logits of (B, 3, S, S) uint8 images on the network's device."""
    with torch.inference_mode():
        logits: Tensor = net(normalise(pixels, *stats))
    return logits


def channel_stats(mean: Sequence[float], std: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Mean and std as (3, 1, 1) tensors."""
    return torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)
