"""Run a bundle: bytes to pixels, pixels to coherent probabilities, probabilities to predictions."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from classifier.bundles.bundle import Bundle, read_bundle
from classifier.bundles.calibration import Calibration, adapted_calibration
from classifier.config import Mode, Precision
from classifier.errors import BundleError, DecodeError
from classifier.images.decode import Picture, decode_picture
from classifier.images.limits import DEFAULT_LIMITS, DecodeLimits, Marks
from classifier.images.pdq import Pdq, pdq_of
from classifier.images.tensors import channel_stats, square_pixels, stacked
from classifier.inference.decoding import DecodeOptions, Decoder
from classifier.inference.label_sets import LabelSetDecoder
from classifier.inference.logit_scaling import LogitScaling
from classifier.inference.prediction import AssetPrediction
from classifier.networks.devices import default_device
from classifier.outputs.base import NodeProbs, Output
from classifier.runtimes.protocol import Runtime
from classifier.runtimes.torch import TorchRuntime, serving_net
from taxonomy import Hierarchy
from taxonomy.arrays import Floats
from taxonomy.changes.diff import Difference


class AssetDecoder(Protocol):
    """What a mode's decoder does: from the probabilities of all nodes to the prediction for one asset."""

    def predict(self, asset: str, probs: Floats, best: int, energy: float | None = None, /) -> AssetPrediction:
        """`probs` (N,) coherent and calibrated; `best` the position of the best terminal's node."""


class PreparedPicture(NamedTuple):
    """One image as the model takes it: (3, S, S) uint8, and what is to be known of it."""

    pixels: Tensor
    marks: Marks


class Predictor:
    """A loaded bundle on one device; `predict` is what workers and the command line call.

    With a `difference` from the bundle's release to another its answers are given in that other release, whose
    hierarchy is `hierarchy`; `unreachable` names the terminals of it that the bundle cannot answer. Decode options do
    not go with it: raises DecodeError. limits: what images are accepted.
    """

    def __init__(
        self,
        bundle: Bundle,
        device: torch.device | None = None,
        options: DecodeOptions | None = None,
        difference: Difference | None = None,
        precision: Precision = "auto",
        limits: DecodeLimits = DEFAULT_LIMITS,
    ) -> None:
        if difference is not None and options not in (None, DecodeOptions()):
            raise DecodeError("decode options go with the bundle's own release only")
        self.bundle = bundle
        self._limits = limits
        self._device = device or default_device()
        net = serving_net(bundle.load_net(), self._device, bundle.info.image_size_px, precision)
        stats = channel_stats(bundle.info.mean, bundle.info.std)
        self._runtime: Runtime = TorchRuntime(net, self._device, stats)
        self._output = open_output(bundle, difference)
        self._output.to(self._device)
        self.hierarchy, self.unreachable = self._output.hierarchy, self._output.unreachable
        self._scaled = LogitScaling(bundle.calibration, self._output)
        carried = bundle.calibration if difference is None else adapted_calibration(bundle.calibration, difference)
        make_decoder = _DECODERS[bundle.info.mode]
        self._decoder = make_decoder(self.hierarchy, carried, bundle.model, options or DecodeOptions())

    @classmethod
    def load(cls, folder: str | Path, options: DecodeOptions | None = None) -> "Predictor":
        """Read a bundle and its weights. Raises BundleError, TaxonomyError on options that name an unknown node."""
        return cls(read_bundle(folder), options=options)

    def pixels(self, content: bytes, source: str) -> Tensor:
        """(3, S, S) uint8 from the bytes of an image file. Raises AssetError."""
        return self.picture(content, source).pixels

    def picture(self, content: bytes, source: str) -> PreparedPicture:
        """The pixels of an image file with their marks, which go to `AssetPrediction.marked`. Raises AssetError."""
        return self._prepared(self._decoded(content, source))

    def picture_and_pdq(self, content: bytes, source: str) -> tuple[PreparedPicture, Pdq]:
        """As `picture`, with the perceptual hash of the whole picture. Raises AssetError."""
        found = self._decoded(content, source)
        return self._prepared(found), pdq_of(found.image)

    def probs(self, pixels: Tensor) -> NodeProbs:
        """Calibrated probabilities of (B, 3, S, S) uint8 images, on the CPU."""
        return self._node_probs(self._runtime(pixels))

    def predict(self, assets: Sequence[str], pixels: Tensor) -> list[AssetPrediction]:
        """One prediction for each named image of a (B, 3, S, S) uint8 batch, as the decode options read it.

        Raises BundleError when the weights give numbers that are not finite.
        """
        logits = self._runtime(pixels)
        nodes, best = self._node_probs(logits)
        rows = nodes.numpy()
        if not np.isfinite(rows).all():
            raise BundleError("the model's outputs are not finite", source=self.bundle.folder)
        found = self._output.energies(logits)
        energies = [None] * len(rows) if found is None else found.tolist()
        return [
            self._decoder.predict(asset, row, int(end), energy)
            for asset, row, end, energy in zip(assets, rows, best, energies, strict=True)
        ]

    def predict_pictures(self, pictures: Mapping[str, PreparedPicture]) -> list[AssetPrediction]:
        """One prediction for each picture by the name of its asset, with its marks. Raises BundleError."""
        if not pictures:
            return []
        found = self.predict(list(pictures), stacked([picture.pixels for picture in pictures.values()]))
        return [prediction.marked(picture.marks) for prediction, picture in zip(found, pictures.values(), strict=True)]

    def _decoded(self, content: bytes, source: str) -> Picture:
        return decode_picture(content, source, self.bundle.info.image_size_px, self._limits)

    def _prepared(self, found: Picture) -> PreparedPicture:
        return PreparedPicture(square_pixels(found.image, self.bundle.info.image_size_px), found.marks)

    def _node_probs(self, logits: Tensor) -> NodeProbs:
        nodes, best = self._output.predict(self._scaled(logits))
        return NodeProbs(nodes.cpu(), best.cpu())


def open_output(bundle: Bundle, difference: Difference | None = None) -> Output:
    """What reads a bundle's logits, answering in the other release of a `difference` if there is one."""
    if difference is None:
        return bundle.strategy.make_output(bundle.hierarchy)
    return bundle.strategy.adapt_output(bundle.hierarchy, difference)


_DECODERS: Mapping[Mode, Callable[[Hierarchy, Calibration, str, DecodeOptions], AssetDecoder]] = {
    "single": Decoder,
    "multi": LabelSetDecoder,
}
