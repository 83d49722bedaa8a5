"""The model: training, calibration, decision and bundles on torch and timm; no database, no broker.

What `__all__` names is the public interface and is documented; everything else may change. A name is imported when it
is first used, so that `import classifier` loads no torch.
"""

from typing import TYPE_CHECKING

from taxonomy.lazy_names import lazy_names

if TYPE_CHECKING:
    from classifier.bundles.bundle import Bundle, read_bundle
    from classifier.bundles.calibration import Calibration
    from classifier.bundles.metrics import Metrics
    from classifier.calibration.options import CalibrationOptions
    from classifier.calibration.review_budget import ReviewBudget
    from classifier.config import TrainingConfig
    from classifier.data.manifest import Manifest, Sample, read_manifest
    from classifier.datacheck.check import Check, check_labels
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
    from classifier.images.decode import read_image_file
    from classifier.inference.decision import Decision
    from classifier.inference.decoding import DecodeOptions
    from classifier.inference.prediction import AssetPrediction
    from classifier.inference.predictor import Predictor
    from classifier.outputs.modes import MODES
    from classifier.report.reporting import evaluate_with_report
    from classifier.runtimes.protocol import Runtime
    from classifier.training.train import evaluate_bundle, recalibrate_bundle, train_bundle
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "bundles.bundle": (
                "Bundle",
                "read_bundle",
            ),
            "bundles.calibration": ("Calibration",),
            "bundles.metrics": ("Metrics",),
            "calibration.options": ("CalibrationOptions",),
            "calibration.review_budget": ("ReviewBudget",),
            "config": ("TrainingConfig",),
            "data.manifest": (
                "Manifest",
                "Sample",
                "read_manifest",
            ),
            "datacheck.check": (
                "Check",
                "check_labels",
            ),
            "errors": (
                "AssetError",
                "BundleError",
                "CalibrationError",
                "DataCheckError",
                "DecodeError",
                "ManifestError",
                "ReleaseMismatchError",
                "ReportError",
                "TrainingError",
            ),
            "images.decode": ("read_image_file",),
            "inference.decision": ("Decision",),
            "inference.decoding": ("DecodeOptions",),
            "inference.prediction": ("AssetPrediction",),
            "inference.predictor": ("Predictor",),
            "outputs.modes": ("MODES",),
            "report.reporting": ("evaluate_with_report",),
            "runtimes.protocol": ("Runtime",),
            "training.train": (
                "evaluate_bundle",
                "recalibrate_bundle",
                "train_bundle",
            ),
        },
    )

__all__ = [
    "MODES",
    "AssetError",
    "AssetPrediction",
    "Bundle",
    "BundleError",
    "Calibration",
    "CalibrationError",
    "CalibrationOptions",
    "Check",
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
    "check_labels",
    "evaluate_bundle",
    "evaluate_with_report",
    "read_bundle",
    "read_image_file",
    "read_manifest",
    "recalibrate_bundle",
    "train_bundle",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
