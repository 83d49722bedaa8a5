"""Calibrate a multi-label model on held-out images: one temperature, then the threshold for a target."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from classifier.bundles.calibration import Calibration
from classifier.calibration.options import CalibrationOptions
from classifier.calibration.temperature import TEMPERATURES
from classifier.calibration.thresholds import threshold_for
from classifier.data.manifest import Sample
from classifier.errors import CalibrationError
from classifier.evaluation.set_run import LabelSetModel
from classifier.outputs.sigmoid_max import SigmoidMax
from classifier.progress import Progress, silent
from taxonomy.arrays import Floats

_USED_LOGITS = 2**24  # of the samples that fit the temperature: more tell nothing new


def calibrate_sets(
    model: LabelSetModel,
    samples: Sequence[Sample],
    split: str,
    options: CalibrationOptions,
    progress: Progress = silent,
    *,
    need_threshold: bool = True,
) -> Calibration:
    """Fit the temperature with the least cross-entropy of the nodes, then the threshold of the target.

    A decided asset is right when none of its decided nodes is wrong; the guarantee is that of `thresholds` with
    the most probable wrong node in place of the last one on a climb. Raises CalibrationError on too few samples (unless
    `need_threshold` is false) and on options of the single-label mode.
    """
    if options.subtree_targets or options.review is not None:
        raise CalibrationError("a multi-label bundle takes one target for all: no targets by subtree, no review budget")
    stride = max(1, math.ceil(len(samples) * len(model.hierarchy) / _USED_LOGITS))
    losses = np.zeros(len(TEMPERATURES))
    for logits, carried in model.logits(samples[::stride], progress, "calibrate"):
        losses += _losses(logits, torch.from_numpy(carried.toarray()), model.output)
    if not np.isfinite(losses).any():
        raise CalibrationError("calibration: the model's outputs are not finite")
    fitted = Calibration(temperature=float(TEMPERATURES[int(np.nanargmin(losses))]), samples=len(samples), split=split)
    scores = model.scores(samples, fitted, progress, "calibrate")
    try:
        threshold = threshold_for(options.guarantee, scores.wrong_probs, scores.root_probs, options.target_accuracy)
    except CalibrationError:
        if need_threshold:
            raise
        return fitted
    return fitted.model_copy(
        update={
            "target_accuracy": options.target_accuracy,
            "threshold": threshold,
            "guarantee": options.guarantee,
        }
    )


def _losses(logits: Tensor, targets: Tensor, output: SigmoidMax) -> Floats:
    """The summed binary cross-entropy of a batch at each of the temperatures."""
    truth = targets.to(logits.device).double()
    judged = output.judged_logits(logits.double(), truth)
    return np.array([float(binary_cross_entropy_with_logits(judged / t, truth, reduction="sum")) for t in TEMPERATURES])
