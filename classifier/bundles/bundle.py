"""A trained model on disk: a folder of safetensors and JSON, never a pickle."""

import hashlib
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TypeVar, cast

import torch
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from classifier.bundles.calibration import Calibration
from classifier.bundles.info import CALIBRATION, INFO, TAXONOMY, WEIGHTS, BundleInfo
from classifier.bundles.parts import MAX_JSON_BYTES, MAX_WEIGHTS_BYTES, open_part, require_part, require_shapes
from classifier.errors import BundleError, BundleNotFoundError, ReleaseMismatchError, TrainingError
from classifier.networks.backbone import make_backbone
from classifier.networks.heads import HierarchicalNet, narrowed
from classifier.outputs.base import Strategy
from classifier.outputs.modes import MODES, SINGLE_LABEL
from taxonomy import Hierarchy, Taxonomy, TaxonomyError, read_taxonomy
from taxonomy.errors import first_line

_Model = TypeVar("_Model", bound=BaseModel)

_VERSION_DIGITS = 16


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle read from disk; `version` names its exact content: weights, taxonomy and calibration."""

    folder: Path
    info: BundleInfo
    taxonomy: Taxonomy
    hierarchy: Hierarchy
    calibration: Calibration
    version: str

    @property
    def model(self) -> str:
        """The model version as every output names it."""
        return f"{self.info.backbone}@{self.version}"

    @property
    def strategy(self) -> Strategy:
        """The mode that the bundle was trained in."""
        return MODES[self.info.mode]

    def require_release(self, release: str, what: str) -> None:
        """Raise ReleaseMismatchError unless the bundle was trained on this release."""
        if release != self.info.release:
            raise ReleaseMismatchError(
                f"trained on taxonomy release {self.info.release[:12]}, but {what} has {release[:12]}",
                source=self.folder,
            )

    def load_net(self) -> HierarchicalNet:
        """The network with its weights, in evaluation mode. Raises BundleError on weights that do not fit.

        The shapes are compared before memory is taken, so that a network is never larger than its file.
        """
        path = self.folder / WEIGHTS
        require_part(path, MAX_WEIGHTS_BYTES)
        planned = self._planned()
        if planned is not None:
            require_shapes(path, planned.state_dict())
        net = self._fresh_net()
        try:
            net.load_state_dict(load_file(path))
        except (SafetensorError, RuntimeError, OSError) as error:
            raise BundleError(first_line(error), source=path) from None
        return net.eval()

    def _fresh_net(self) -> HierarchicalNet:
        return make_net(self.info.backbone, self.hierarchy, self.info.training.head_width, self.strategy)

    def _planned(self) -> HierarchicalNet | None:
        """The network without memory for its weights; None where this version of timm cannot make its backbone so."""
        try:
            with torch.device("meta"):
                return self._fresh_net()
        except BundleError:
            return None


def make_net(
    backbone: str, hierarchy: Hierarchy, head_width: int = 0, strategy: Strategy = SINGLE_LABEL
) -> HierarchicalNet:
    """The network of a bundle, with fresh weights. Raises BundleError on a backbone that timm does not know."""
    try:
        features = make_backbone(backbone, pretrained=False)
    except TrainingError as error:
        raise BundleError.of(error) from None
    heads = narrowed(features.feature_count, head_width, lambda width: strategy.make_heads(width, hierarchy))
    return HierarchicalNet(features.network, heads)


def read_bundle(folder: str | Path) -> Bundle:
    """Read a bundle without its weights. Raises BundleError, naming the file, on anything missing or wrong."""
    folder = Path(folder)
    if not folder.is_dir():
        raise BundleNotFoundError("no such bundle", source=folder)
    info = _read_model(folder / INFO, BundleInfo)
    calibration = _read_model(folder / CALIBRATION, Calibration)
    require_part(folder / TAXONOMY, MAX_JSON_BYTES)
    try:
        taxonomy = read_taxonomy(folder / TAXONOMY, "canonical-json")
    except TaxonomyError as error:
        raise BundleError.of(error) from None
    hierarchy = Hierarchy.compile(taxonomy)
    if hierarchy.release != info.release:
        raise ReleaseMismatchError(
            f"trained on taxonomy release {info.release[:12]}, but its {TAXONOMY} is {hierarchy.release[:12]}",
            source=folder,
        )
    _require_fitting(folder / CALIBRATION, calibration, info, hierarchy)
    return Bundle(folder, info, taxonomy, hierarchy, calibration, _version(folder))


def _require_fitting(path: Path, calibration: Calibration, info: BundleInfo, hierarchy: Hierarchy) -> None:
    """Raise BundleError on temperatures or nodes that this bundle's taxonomy or mode cannot have."""
    levels = len(calibration.level_temperatures)
    if levels not in (0, hierarchy.depth):
        raise BundleError(f"{levels} level temperatures for {hierarchy.depth} levels", source=path)
    if MODES[info.mode].has_one_temperature and (levels or calibration.entropy is not None):
        raise BundleError("label sets have one temperature for all logits", source=path)
    unknown = sorted(calibration.named_nodes() - hierarchy.index.keys())
    if unknown:
        raise BundleError(f"a target for the unknown node {unknown[0]!r:.200}", source=path)


def _read_model(path: Path, kind: type[_Model]) -> _Model:
    try:
        with open_part(path, MAX_JSON_BYTES) as stream:
            return kind.model_validate_json(stream.read(MAX_JSON_BYTES))
    except OSError as error:
        raise BundleError(first_line(error), source=path) from None
    except ValidationError as error:
        first = error.errors()[0]
        raise BundleError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", source=path) from None


def _version(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in (INFO, TAXONOMY, CALIBRATION, WEIGHTS):
        try:
            with open_part(folder / name, MAX_WEIGHTS_BYTES) as stream:
                digest.update(hashlib.file_digest(cast("BufferedReader", stream), "sha256").digest())
        except OSError as error:
            raise BundleError(first_line(error), source=folder / name) from None
    return digest.hexdigest()[:_VERSION_DIGITS]
