"""What a bundle's files are called, and what bundle.json and metrics.json hold."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Literal

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

_Mean = Annotated[float, Field(ge=-10, le=10)]  # of a channel whose values lie in [0, 1]
_Std = Annotated[float, Field(ge=1e-3, le=10)]


class BundleInfo(BaseModel):
    """What a bundle's bundle.json holds; all numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal["cladist-bundle/1"] = "cladist-bundle/1"
    mode: Mode = "single"
    backbone: str = Field(max_length=256)
    image_size_px: int = Field(ge=32, le=2048)
    mean: tuple[_Mean, _Mean, _Mean]
    std: tuple[_Std, _Std, _Std]
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
