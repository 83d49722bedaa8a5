"""How a calibration scales logits: by its temperatures, and where that is better by one more of each asset's own.

Temperatures alone can be too sure of the clear images and not sure enough of the doubtful ones at once. So an asset's
logits, once divided by the temperatures, are divided again by exp(offset + slope * H), H being the entropy of their
terminals in nats. As it is one number for all logits of an asset, probabilities stay coherent, and the best terminal of
the bundle's own release stays the same. Source: Balanya, Maroñas and Ramos, "Adaptive temperature scaling for robust
calibration of deep neural networks", 2022, whose temperature is a softplus of the entropy's logarithm.
"""

import numpy as np
import torch
from torch import Tensor

from classifier.bundles.calibration import Calibration, EntropyTemperature
from classifier.errors import CalibrationError
from classifier.outputs.base import Output
from taxonomy.arrays import Ints


class LogitScaling:
    """Divides the logits that an output reads as a calibration says.

    Raises CalibrationError on temperatures of another number of levels.
    """

    def __init__(self, calibration: Calibration, output: Output) -> None:
        self._temperatures = column_temperatures(calibration, output.column_levels)
        self._entropy = calibration.entropy
        self._output = output

    def __call__(self, logits: Tensor) -> Tensor:
        """(B, C) -> (B, C) float64."""
        divided = logits.double() / self._temperatures.to(logits.device)
        if self._entropy is None:
            return divided
        spread = self._output.entropies(divided)
        return divided if spread is None else scaled_by_entropy(divided, spread, self._entropy)


def scaled_by_entropy(divided: Tensor, spread: Tensor, entropy: EntropyTemperature) -> Tensor:
    """(S, C) rows by their entropies (S,): one flatter than all that was seen is made no sharper than those."""
    exponents = entropy.offset + entropy.slope * spread.clamp(entropy.lowest, entropy.highest)
    return divided * torch.exp(-exponents)[:, None]


def column_temperatures(calibration: Calibration, levels: Ints | None) -> Tensor:
    """What divides (B, C) logits: (C,) float64, or one number for all.

    levels: (C,) the level of each column, see `Output`. Raises CalibrationError on temperatures of another number of
    levels.
    """
    if not calibration.level_temperatures:
        return torch.tensor(calibration.temperature, dtype=torch.float64)
    depth = 1 if levels is None else int(levels.max())
    if levels is None or len(calibration.level_temperatures) != depth:
        raise CalibrationError(
            f"calibration: {len(calibration.level_temperatures)} level temperatures for {depth} levels"
        )
    by_level = np.array(calibration.level_temperatures, dtype=np.float64)
    return torch.from_numpy(by_level[levels - 1])
