"""The check for assets unlike anything in the taxonomy: a limit on their energy."""

import math

import numpy as np

from classifier.bundles.calibration import EnergyCheck
from taxonomy.arrays import Floats

DEFAULT_FALSE_ALARMS = 0.05
_SLACK = 1e-9


def fit_energy_check(known: Floats, false_alarms: float = DEFAULT_FALSE_ALARMS) -> EnergyCheck | None:
    """The check that at most this share of assets like the known ones fails, by the energies (n,) of these.

    The limit is the ceil((n + 1) (1 - share))-th smallest: the chance of a false alarm is at most the share, on
    average over calibration sets. None when the share is 0, and when n is too small for it.
    """
    rank = math.ceil((len(known) + 1) * (1 - false_alarms) - _SLACK)
    if false_alarms <= 0 or not 0 < rank <= len(known):
        return None
    return EnergyCheck(limit=float(np.partition(known, rank - 1)[rank - 1]), false_alarms=false_alarms)
