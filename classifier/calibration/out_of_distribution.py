"""The energy of an asset: how little its logits say, whatever they say. Large where nothing in the taxonomy fits."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from classifier.bundles.calibration import EnergyCheck
from classifier.outputs.path_softmax import PathSoftmax

Floats = NDArray[np.float64]

DEFAULT_FALSE_ALARMS = 0.05
_SLACK = 1e-9


def energies(logits: Tensor, output: object) -> Floats | None:
    """(B,) energies of (B, C) uncalibrated logits: minus the log of the summed exponentials of the terminals' logits.

    None for an output that has no such logits. Source: Liu et al., "Energy-based out-of-distribution detection",
    NeurIPS 2020.
    """
    if not isinstance(output, PathSoftmax):
        return None
    found: Floats = -torch.logsumexp(output.terminal_logits(logits.double()), dim=1).cpu().numpy()
    return found


def fit_energy_check(known: Floats, false_alarms: float = DEFAULT_FALSE_ALARMS) -> EnergyCheck | None:
    """The check that at most this share of assets like the known ones fails, by the energies (n,) of these.

    The limit is the ceil((n + 1) (1 - share))-th smallest: the chance of a false alarm is at most the share, on
    average over calibration sets. None when the share is 0, and when n is too small for it.
    """
    rank = math.ceil((len(known) + 1) * (1 - false_alarms) - _SLACK)
    if false_alarms <= 0 or not 0 < rank <= len(known):
        return None
    return EnergyCheck(limit=float(np.partition(known, rank - 1)[rank - 1]), false_alarms=false_alarms)
