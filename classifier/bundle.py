"""A trained model on disk: a folder of safetensors and JSON, never a pickle."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from classifier.backbone import make_backbone
from classifier.calibration import Calibration
from classifier.card import model_card
from classifier.config import Mode, TrainingConfig
from classifier.errors import BundleError, ReleaseMismatchError, TrainingError, first_line
from classifier.heads import HierarchicalNet, narrowed
from classifier.method import make_heads
from taxonomy import Hierarchy, Taxonomy, TaxonomyError, canonical_json, read_taxonomy

_Model = TypeVar("_Model", bound=BaseModel)

WEIGHTS = "model.safetensors"
INFO = "bundle.json"
TAXONOMY = "taxonomy.json"
CALIBRATION = "calibration.json"
METRICS = "metrics.json"
CARD = "MODEL_CARD.md"
_LIBRARIES = ("cladist", "torch", "timm", "torchvision", "lightning", "numpy", "pillow")
_MAX_JSON_BYTES = 64 * 2**20
_VERSION_DIGITS = 16


class BundleInfo(BaseModel):
    """What a bundle's bundle.json holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["cladist-bundle/1"] = "cladist-bundle/1"
    mode: Mode = "single"
    backbone: str
    image_size_px: int = Field(ge=32, le=4096)
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    release: str = Field(pattern=r"^[0-9a-f]{64}$")
    training: TrainingConfig
    libraries: dict[str, str]


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

    def require_release(self, release: str, what: str) -> None:
        """Raise ReleaseMismatchError unless the bundle was trained on this release."""
        if release != self.info.release:
            raise ReleaseMismatchError(
                f"{self.folder}: trained on taxonomy release {self.info.release[:12]}, but {what} has {release[:12]}"
            )

    def load_net(self) -> HierarchicalNet:
        """The network with its weights, in evaluation mode. Raises BundleError on weights that do not fit."""
        net = make_net(self.info.backbone, self.hierarchy, self.info.training.head_width, self.info.mode)
        try:
            net.load_state_dict(load_file(self.folder / WEIGHTS))
        except (SafetensorError, RuntimeError, OSError) as error:
            raise BundleError(f"{self.folder / WEIGHTS}: {first_line(error)}") from None
        return net.eval()


def make_net(backbone: str, hierarchy: Hierarchy, head_width: int = 0, mode: Mode = "single") -> HierarchicalNet:
    """The network of a bundle, with fresh weights. Raises BundleError on a backbone that timm does not know."""
    try:
        features = make_backbone(backbone, pretrained=False)
    except TrainingError as error:
        raise BundleError(str(error)) from None
    heads = narrowed(features.feature_count, head_width, lambda width: make_heads(width, hierarchy, mode))
    return HierarchicalNet(features.network, heads)


def read_bundle(folder: str | Path) -> Bundle:
    """Read a bundle without its weights. Raises BundleError, naming the file, on anything missing or wrong."""
    folder = Path(folder)
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such bundle")
    info = _read_model(folder / INFO, BundleInfo)
    calibration = _read_model(folder / CALIBRATION, Calibration)
    try:
        taxonomy = read_taxonomy(folder / TAXONOMY, "canonical-json")
    except TaxonomyError as error:
        raise BundleError(str(error)) from None
    hierarchy = Hierarchy.compile(taxonomy)
    if hierarchy.release != info.release:
        raise ReleaseMismatchError(
            f"{folder}: trained on taxonomy release {info.release[:12]}, but its {TAXONOMY} is {hierarchy.release[:12]}"
        )
    _require_fitting(folder / CALIBRATION, calibration, info, hierarchy)
    return Bundle(folder, info, taxonomy, hierarchy, calibration, _version(folder))


def _require_fitting(path: Path, calibration: Calibration, info: BundleInfo, hierarchy: Hierarchy) -> None:
    """Raise BundleError on temperatures that another bundle must have had."""
    levels = len(calibration.level_temperatures)
    if levels not in (0, hierarchy.depth):
        raise BundleError(f"{path}: {levels} level temperatures for {hierarchy.depth} levels")
    if info.mode == "multi" and (levels or calibration.entropy is not None):
        raise BundleError(f"{path}: label sets have one temperature for all logits")


def write_bundle(
    folder: Path, net: nn.Module, info: BundleInfo, taxonomy: Taxonomy, calibration: Calibration
) -> Bundle:
    """Write a new bundle, whole or not at all. Raises BundleError when the folder exists."""
    if folder.exists():
        raise BundleError(f"{folder}: exists already")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with _or_nothing(partial):
        partial.mkdir(parents=True)
        save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, partial / WEIGHTS)
        (partial / TAXONOMY).write_text(canonical_json(taxonomy), encoding="utf-8")
        (partial / INFO).write_text(info.model_dump_json(indent=2), encoding="utf-8")
        (partial / CALIBRATION).write_text(calibration.model_dump_json(indent=2), encoding="utf-8")
        partial.rename(folder)
    return read_bundle(folder)


def write_calibration(bundle: Bundle, calibration: Calibration) -> Bundle:
    """Replace a bundle's calibration; the result has another version."""
    _replace_text(bundle.folder / CALIBRATION, calibration.model_dump_json(indent=2))
    return read_bundle(bundle.folder)


def write_metrics(bundle: Bundle, split: str, metrics_json: dict[str, Any]) -> None:
    """Write metrics.json and the model card that shows it."""
    body = MetricsFile(split=split, metrics=metrics_json)
    _replace_text(bundle.folder / METRICS, body.model_dump_json(indent=2))
    _replace_text(
        bundle.folder / CARD, model_card(bundle.info, bundle.taxonomy, bundle.calibration, split, metrics_json)
    )


class MetricsFile(BaseModel):
    """What a bundle's metrics.json holds: the evaluation of one split."""

    split: str
    metrics: dict[str, Any]


def library_versions() -> dict[str, str]:
    """The installed versions of the libraries a result depends on."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _read_model(path: Path, kind: type[_Model]) -> _Model:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise BundleError(f"{path}: larger than {_MAX_JSON_BYTES} bytes")
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise BundleError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _version(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in (INFO, TAXONOMY, CALIBRATION, WEIGHTS):
        try:
            with (folder / name).open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            raise BundleError(f"{folder / name}: {error.strerror or error}") from None
    return digest.hexdigest()[:_VERSION_DIGITS]


def _replace_text(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    with _or_nothing(partial):
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)


@contextmanager
def _or_nothing(partial: Path) -> Iterator[None]:
    """Where writing fails (a full disk, say), take away what was written so far and raise BundleError."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
        raise BundleError(f"{partial.with_suffix('')}: cannot be written: {first_line(error)}") from None
