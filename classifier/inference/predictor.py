"""Run a bundle: bytes to pixels, pixels to coherent probabilities, probabilities to what is said of each asset."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from classifier.bundles.bundle import Bundle, read_bundle
from classifier.bundles.calibration import adapted_calibration
from classifier.config import Precision
from classifier.errors import BundleError, DecodeError
from classifier.images.decode import decode
from classifier.images.tensors import square_pixels
from classifier.inference.decoding import DecodeOptions, Decoder
from classifier.inference.energy import energies
from classifier.inference.logit_scaling import LogitScaling
from classifier.inference.prediction import AssetPrediction
from classifier.inference.set_decoding import SetDecoder
from classifier.networks.devices import default_device
from classifier.outputs.adapted import AdaptedOutput, AdaptedSigmoidMax
from classifier.outputs.base import NodeProbs
from classifier.outputs.path_softmax import PathSoftmax
from classifier.outputs.sigmoid_max import SigmoidMax
from classifier.runtimes.running import channel_stats, forward
from classifier.runtimes.torch import serving_net
from taxonomy import Hierarchy
from taxonomy.changes.diff import Difference


class Predictor:
    """A loaded bundle on one device; `predict` is what workers and the command line call.

    With a `difference` from the bundle's release to another its answers are given in that other release, whose
    hierarchy is `hierarchy`; `unreachable` names the terminals of it that the bundle cannot answer. Decode options do
    not go with it: raises DecodeError.
    """

    def __init__(
        self,
        bundle: Bundle,
        device: torch.device | None = None,
        options: DecodeOptions | None = None,
        difference: Difference | None = None,
        precision: Precision = "auto",
    ) -> None:
        if difference is not None and options not in (None, DecodeOptions()):
            raise DecodeError("decode options go with the bundle's own release only")
        self.bundle = bundle
        self._device = device or default_device()
        self._net = serving_net(bundle.load_net(), self._device, bundle.info.image_size_px, precision)
        output, self.hierarchy = make_output(bundle, difference)
        self.unreachable = output.unreachable if isinstance(output, AdaptedOutput | AdaptedSigmoidMax) else ()
        self._output = output.to(self._device)
        self._stats = channel_stats(bundle.info.mean, bundle.info.std)
        self._scaled = LogitScaling(bundle.calibration, bundle.hierarchy, output)
        carried = bundle.calibration if difference is None else adapted_calibration(bundle.calibration, difference)
        read = SetDecoder if bundle.info.mode == "multi" else Decoder
        self._decoder = read(self.hierarchy, carried, bundle.model, options or DecodeOptions())

    @classmethod
    def load(cls, folder: str | Path, options: DecodeOptions | None = None) -> "Predictor":
        """Read a bundle and its weights. Raises BundleError, TaxonomyError on options that name an unknown node."""
        return cls(read_bundle(folder), options=options)

    def pixels(self, content: bytes, source: str) -> Tensor:
        """(3, S, S) uint8 from the bytes of an image file. Raises AssetError."""
        size_px = self.bundle.info.image_size_px
        return square_pixels(decode(content, source, size_px), size_px)

    def probs(self, pixels: Tensor) -> NodeProbs:
        """Calibrated probabilities of (B, 3, S, S) uint8 images, on the CPU."""
        return self._node_probs(self._logits(pixels))

    def predict(self, assets: Sequence[str], pixels: Tensor) -> list[AssetPrediction]:
        """One prediction for each named image of a (B, 3, S, S) uint8 batch, as the decode options read it.

        Raises BundleError when the weights give numbers that are not finite.
        """
        logits = self._logits(pixels)
        nodes, best = self._node_probs(logits)
        rows = nodes.numpy()
        if not np.isfinite(rows).all():
            raise BundleError("the model's outputs are not finite", source=self.bundle.folder)
        found = energies(logits, self._output)
        heats = [None] * len(rows) if found is None else found.tolist()
        return [
            self._decoder.predict(asset, row, int(end), energy)
            for asset, row, end, energy in zip(assets, rows, best, heats, strict=True)
        ]

    def _logits(self, pixels: Tensor) -> Tensor:
        return forward(self._net, pixels.to(self._device), self._stats)

    def _node_probs(self, logits: Tensor) -> NodeProbs:
        nodes, best = self._output.predict(self._scaled(logits))
        return NodeProbs(nodes.cpu(), best.cpu())


def make_output(bundle: Bundle, difference: Difference | None = None) -> tuple[PathSoftmax | SigmoidMax, Hierarchy]:
    """What turns a bundle's logits into answers, and the hierarchy of these: that of the other release, if any."""
    if bundle.info.mode == "multi":
        if difference is None:
            return SigmoidMax(bundle.hierarchy), bundle.hierarchy
        sets = AdaptedSigmoidMax(bundle.hierarchy, difference)
        return sets, sets.hierarchy
    if difference is None:
        return PathSoftmax(bundle.hierarchy), bundle.hierarchy
    paths = AdaptedOutput(bundle.hierarchy, difference)
    return paths, paths.hierarchy
