"""Calibrate a model of either mode."""

from collections.abc import Sequence

from classifier.bundles.calibration import Calibration
from classifier.calibration.fit import calibrate_model
from classifier.calibration.options import CalibrationOptions
from classifier.calibration.set_fit import calibrate_sets
from classifier.data.manifest import Sample
from classifier.evaluation.labelled_run import Model
from classifier.evaluation.set_run import LabelSetModel
from classifier.progress import Progress, silent


def calibrate(
    model: Model | LabelSetModel,
    samples: Sequence[Sample],
    split: str,
    options: CalibrationOptions,
    progress: Progress = silent,
    *,
    need_threshold: bool = True,
) -> Calibration:
    """The calibration of a model of either mode. Raises CalibrationError."""
    if isinstance(model, LabelSetModel):
        return calibrate_sets(model, samples, split, options, progress, need_threshold=need_threshold)
    return calibrate_model(model, samples, split, options, progress, need_threshold=need_threshold)
