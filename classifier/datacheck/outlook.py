"""A trained bundle's confidences and features on a sample of images, as columns to compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from classifier.bundles.bundle import Bundle
from classifier.datacheck.production import evenly
from classifier.errors import AssetError
from classifier.evaluation.labelled_run import open_model
from classifier.images.decode import decode, read_image_file
from classifier.images.tensors import normalise, square_pixels
from classifier.inference.logit_scaling import LogitScaling
from classifier.networks.devices import default_device
from classifier.progress import Progress, silent
from taxonomy.arrays import Floats

_MAX_IMAGES = 1000  # of each sample
_BATCH = 32
_DIRECTIONS = 5  # principal directions of the first sample's features


@dataclass(frozen=True, eq=False)
class Outlook:
    """Of the n readable images: best_root and best_terminal (n,) probabilities, features (n, D)."""

    best_root: Floats
    best_terminal: Floats
    features: Floats


def outlook(bundle: Bundle, images: Sequence[Path], progress: Progress = silent, stage: str = "predict") -> Outlook:
    """Run the bundle over at most 1,000 of the images, evenly spaced; unreadable ones are left out."""
    model, device = open_model(bundle), default_device()
    net, output = model.net.to(device), model.output
    output.to(device)
    scaled = LogitScaling(bundle.calibration, output)
    roots, terminals = bundle.hierarchy.level_slices[0], bundle.hierarchy.terminals
    looked = evenly(images, _MAX_IMAGES)
    parts: list[tuple[Floats, Floats, Floats]] = []
    for start in range(0, len(looked), _BATCH):
        pixels = _pixels(looked[start : start + _BATCH], model.size_px)
        progress(stage, min(start + _BATCH, len(looked)), len(looked), "")
        if not len(pixels):
            continue
        with torch.inference_mode():
            features = net.features(normalise(pixels.to(device), *model.stats))
            nodes = output.predict(scaled(net.heads(features))).nodes.double().cpu().numpy()
        parts.append((nodes[:, roots].max(1), nodes[:, terminals].max(1), features.double().cpu().numpy()))
    empty = np.zeros(0)
    if not parts:
        return Outlook(empty, empty, np.zeros((0, 0)))
    best_root, best_terminal, features_all = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Outlook(best_root, best_terminal, features_all)


def columns(first: Outlook, second: Outlook) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Both as columns: the confidences, and the features along the main directions of the first."""
    sides = (first, second)
    found = tuple({"root confidence": side.best_root, "terminal confidence": side.best_terminal} for side in sides)
    if len(first.features) > 1 and len(second.features):
        centre = first.features.mean(axis=0)
        directions = np.linalg.svd(first.features - centre, full_matrices=False)[2][:_DIRECTIONS]
        for side, values in zip(sides, found, strict=True):
            along = (side.features - centre) @ directions.T
            values.update({f"feature direction {number + 1}": along[:, number] for number in range(along.shape[1])})
    return found[0], found[1]


def _pixels(images: Sequence[Path], size_px: int) -> torch.Tensor:
    """(B, 3, S, S) uint8 of those that can be read."""
    found = []
    for image in images:
        try:
            found.append(square_pixels(decode(read_image_file(image), str(image), size_px), size_px))
        except AssetError:
            continue
    return torch.stack(found) if found else torch.zeros(0)
