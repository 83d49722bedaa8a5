"""The model: training, calibration, decision and bundles on torch and timm; no database, no broker.

What `__all__` names is the public interface and is documented; everything else may change. A name is imported when it
is first used, so that `import classifier` and `import classifier.errors` load no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from classifier.config import TrainingConfig
from classifier.errors import (
    AssetError,
    BundleError,
    CalibrationError,
    DataCheckError,
    DecodeError,
    ManifestError,
    ReleaseMismatchError,
    ReportError,
    TrainingError,
)

if TYPE_CHECKING:
    from classifier.bundles.bundle import Bundle, read_bundle
    from classifier.bundles.calibration import Calibration
    from classifier.bundles.metrics import Metrics
    from classifier.calibration.options import CalibrationOptions
    from classifier.calibration.review_budget import ReviewBudget
    from classifier.data.manifest import Manifest, Sample, read_manifest
    from classifier.inference.decision import Decision
    from classifier.inference.decoding import DecodeOptions
    from classifier.inference.prediction import AssetPrediction
    from classifier.inference.predictor import Predictor
    from classifier.report.reporting import evaluate_with_report
    from classifier.runtimes.protocol import Runtime
    from classifier.training.train import evaluate_bundle, recalibrate_bundle, train_bundle

__all__ = [
    "AssetError",
    "AssetPrediction",
    "Bundle",
    "BundleError",
    "Calibration",
    "CalibrationError",
    "CalibrationOptions",
    "DataCheckError",
    "Decision",
    "DecodeError",
    "DecodeOptions",
    "Manifest",
    "ManifestError",
    "Metrics",
    "Predictor",
    "ReleaseMismatchError",
    "ReportError",
    "ReviewBudget",
    "Runtime",
    "Sample",
    "TrainingConfig",
    "TrainingError",
    "evaluate_bundle",
    "evaluate_with_report",
    "read_bundle",
    "read_manifest",
    "recalibrate_bundle",
    "train_bundle",
]

_MODULES = {
    "AssetPrediction": "inference.prediction",
    "Bundle": "bundles.bundle",
    "Calibration": "bundles.calibration",
    "CalibrationOptions": "calibration.options",
    "Decision": "inference.decision",
    "DecodeOptions": "inference.decoding",
    "Manifest": "data.manifest",
    "Metrics": "bundles.metrics",
    "Predictor": "inference.predictor",
    "ReviewBudget": "calibration.review_budget",
    "Runtime": "runtimes.protocol",
    "Sample": "data.manifest",
    "evaluate_bundle": "training.train",
    "evaluate_with_report": "report.reporting",
    "read_bundle": "bundles.bundle",
    "read_manifest": "data.manifest",
    "recalibrate_bundle": "training.train",
    "train_bundle": "training.train",
}


if not TYPE_CHECKING:  # else every name would look as if it were there

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
