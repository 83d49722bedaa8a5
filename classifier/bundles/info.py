"""What a bundle's files are called, and what bundle.json and metrics.json hold."""

from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from classifier.bundles.metrics import Metrics
from classifier.config import Mode, TrainingConfig

WEIGHTS = "model.safetensors"
INFO = "bundle.json"
TAXONOMY = "taxonomy.json"
CALIBRATION = "calibration.json"
METRICS = "metrics.json"
CARD = "MODEL_CARD.md"

_LIBRARIES = ("cladist", "torch", "timm", "torchvision", "lightning", "numpy", "pillow")


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


class MetricsFile(BaseModel):
    """What a bundle's metrics.json holds: the evaluation of one split."""

    split: str
    metrics: Metrics


def library_versions() -> dict[str, str]:
    """The installed versions of the libraries a result depends on."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
