"""Calibration on held-out data: one temperature, and the conformal threshold of the decision depth."""

import math
from collections.abc import Iterable
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from classifier.errors import CalibrationError
from classifier.method import Output

Floats = NDArray[np.float64]

DEFAULT_TARGET_ACCURACY = 0.95
_TEMPERATURES = np.geomspace(0.25, 4.0, 161)  # steps of 1.7 %, finer than a few hundred samples can tell apart


class Calibration(BaseModel):
    """What a bundle's calibration.json holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(default=1.0, gt=0)
    target_accuracy: float | None = Field(default=None, gt=0, lt=1)
    threshold: float | None = Field(default=None, ge=0)
    samples: int = Field(default=0, ge=0)
    split: str = ""

    def with_threshold(self, target_accuracy: float, wrong_probs: Floats) -> Self:
        """This calibration with the conformal threshold of that target. Raises CalibrationError."""
        threshold = conformal_threshold(wrong_probs, target_accuracy)
        return self.model_copy(update={"target_accuracy": target_accuracy, "threshold": threshold})


def fit_temperature(batches: Iterable[tuple[Tensor, Tensor]], output: Output) -> float:
    """The temperature with the least cross-entropy over (logits (B, C), label columns (B,)) batches.

    All candidates are scored in one pass, so that memory does not grow with the samples.
    Source: Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    losses = np.zeros(len(_TEMPERATURES))
    for logits, columns in batches:
        for position, temperature in enumerate(_TEMPERATURES):
            log_probs = output.log_probs(logits.double() / temperature)
            losses[position] -= log_probs.gather(1, columns[:, None]).sum().item()
    if not np.isfinite(losses).any():
        raise CalibrationError("calibration: the model's outputs are not finite")
    return float(_TEMPERATURES[int(np.nanargmin(losses))])


def conformal_threshold(wrong_probs: Floats, target_accuracy: float) -> float:
    """The least threshold at which, on exchangeable data, an image gets no wrong decision with the target probability.

    An image that gets no decision at all gets no wrong one: of the decisions made a larger share may be wrong.

    wrong_probs: (n,) for each calibration sample the probability of the last wrong node met on the climb from its best
    terminal, 0 if the terminal is right. The threshold lies just above the ceil((n + 1) * target)-th smallest of them:
    a decision is wrong exactly when that probability reaches the threshold. Raises CalibrationError when n is too
    small for the target. Source: split conformal prediction, Vovk et al. 2005; Lei et al. 2018.
    """
    if not 0 < target_accuracy < 1:
        raise CalibrationError(f"target accuracy {target_accuracy} does not lie between 0 and 1")
    rank = math.ceil((len(wrong_probs) + 1) * target_accuracy - 1e-9)
    if rank > len(wrong_probs):
        needed = math.ceil(target_accuracy / (1 - target_accuracy) - 1e-9)
        raise CalibrationError(
            f"target accuracy {target_accuracy} needs at least {needed} calibration samples, have {len(wrong_probs)}"
        )
    smallest = float(np.partition(wrong_probs, rank - 1)[rank - 1])
    return 0.0 if smallest == 0.0 else float(np.nextafter(smallest, np.inf))


def expected_calibration_error(confidences: Floats, correct: NDArray[np.bool_], bins: int = 15) -> float:
    """ECE over bins of equal mass: the mean |accuracy - confidence| of the bins, weighted by their size; 0 when empty.

    Source: Nguyen and O'Connor 2015, adaptive binning; Nixon et al. 2019.
    """
    if not len(confidences):
        return 0.0
    order = np.argsort(confidences, kind="stable")
    gaps = correct[order].astype(np.float64) - confidences[order]
    return float(sum(abs(part.sum()) for part in np.array_split(gaps, bins)) / len(gaps))
