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
from classifier.outputs.method import Output
from classifier.outputs.sigmoid_max import SigmoidMax
from taxonomy import Hierarchy
from taxonomy.arrays import Ints


class LogitScaling:
    """Divides logits as a calibration says. `hierarchy` and `output` are of the release that the logits are of.

    Label sets have no temperature by entropy. Raises CalibrationError on another depth.
    """

    def __init__(self, calibration: Calibration, hierarchy: Hierarchy, output: Output | SigmoidMax) -> None:
        self._temperatures = column_temperatures(calibration, hierarchy)
        self._entropy = calibration.entropy
        self._output = None if isinstance(output, SigmoidMax) else output

    def __call__(self, logits: Tensor) -> Tensor:
        """(B, C) -> (B, C) float64."""
        divided = logits.double() / self._temperatures.to(logits.device)
        if self._entropy is None or self._output is None:
            return divided
        return scaled_by_entropy(divided, entropies(divided, self._output), self._entropy)


def entropies(logits: Tensor, output: Output) -> Tensor:
    """(B,) entropy in nats of what (B, C) logits say of the terminals."""
    spread: Tensor = torch.special.entr(output.terminal_probs(logits)).sum(dim=1)
    return spread


def scaled_by_entropy(divided: Tensor, spread: Tensor, entropy: EntropyTemperature) -> Tensor:
    """(S, C) rows by their entropies (S,): one flatter than all that was seen is made no sharper than those."""
    exponents = entropy.offset + entropy.slope * spread.clamp(entropy.lowest, entropy.highest)
    return divided * torch.exp(-exponents)[:, None]


def column_levels(hierarchy: Hierarchy) -> Ints:
    """(C,) the level of each column; a "stop here" logit counts to the level of the children it stands against."""
    stops = hierarchy.terminals[hierarchy.inner_terminals]
    return np.concatenate([hierarchy.levels, hierarchy.levels[stops] + 1])


def column_temperatures(calibration: Calibration, hierarchy: Hierarchy) -> Tensor:
    """What divides (B, C) logits: (C,) float64, or one number for all. Raises CalibrationError on another depth."""
    if not calibration.level_temperatures:
        return torch.tensor(calibration.temperature, dtype=torch.float64)
    if len(calibration.level_temperatures) != hierarchy.depth:
        raise CalibrationError(
            f"calibration: {len(calibration.level_temperatures)} level temperatures for {hierarchy.depth} levels"
        )
    by_level = np.array(calibration.level_temperatures, dtype=np.float64)
    return torch.from_numpy(by_level[column_levels(hierarchy) - 1])
