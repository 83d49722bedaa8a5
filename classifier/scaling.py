"""How a calibration scales logits: by its temperatures, and where that is better by one more of each asset's own.

Temperatures alone can be too sure of the clear images and not sure enough of the doubtful ones at once. So an asset's
logits, once divided by the temperatures, are divided again by exp(offset + slope * H), H being the entropy of their
terminals in nats. As it is one number for all logits of an asset, probabilities stay coherent, and the best terminal of
the bundle's own release stays the same. Source: Balanya, Maroñas and Ramos, "Adaptive temperature scaling for robust
calibration of deep neural networks", 2022, whose temperature is a softplus of the entropy's logarithm.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from classifier.calibration import Calibration, EntropyTemperature
from classifier.method import Output
from classifier.multilabel import SigmoidMax
from classifier.temperature import FOLDS, MIN_SAMPLES, chunks, column_temperatures, least, log_likelihoods
from taxonomy import Hierarchy

_PRIOR_SD = 0.25  # of offset and slope: a few hundred samples of which most are clear would allow far larger ones


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
        return _scaled(divided, entropies(divided, self._output), self._entropy)


def entropies(logits: Tensor, output: Output) -> Tensor:
    """(B,) entropy in nats of what (B, C) logits say of the terminals."""
    spread: Tensor = torch.special.entr(output.terminal_probs(logits)).sum(dim=1)
    return spread


def choose_entropy_temperature(divided: Tensor, columns: Tensor, output: Output) -> EntropyTemperature | None:
    """The temperature by entropy if it gains over none, for (S, C) logits divided by temperatures and (S,) columns.

    Judged by the mean gain in held-out log-likelihood, in five-fold cross-validation. Unlike with temperatures by level
    it need not exceed its standard error: two small numbers that luck chose do little harm, and a few hundred samples
    that need them seldom show it so clearly. With fewer than 50 samples there is none.
    """
    if len(columns) < MIN_SAMPLES:
        return None
    spread = torch.cat([entropies(rows, output) for (rows,) in chunks(divided)])
    folds = torch.arange(len(columns), device=columns.device) % FOLDS
    gain = 0.0
    for number in range(FOLDS):
        seen, held_out = folds != number, folds == number
        found = _fit(divided[seen], columns[seen], spread[seen], output)
        for rows, answers, entropy in chunks(divided[held_out], columns[held_out], spread[held_out]):
            better = log_likelihoods(_scaled(rows, entropy, found), answers, output)
            gain += (better - log_likelihoods(rows, answers, output)).sum().item()
    return _fit(divided, columns, spread, output) if gain > 0 else None


def _scaled(divided: Tensor, spread: Tensor, entropy: EntropyTemperature) -> Tensor:
    """(S, C) rows by their entropies (S,): one flatter than all that was seen is made no sharper than those."""
    exponents = entropy.offset + entropy.slope * spread.clamp(entropy.lowest, entropy.highest)
    return divided * torch.exp(-exponents)[:, None]


def _fit(divided: Tensor, columns: Tensor, spread: Tensor, output: Output) -> EntropyTemperature:
    """The offset and slope with the least cross-entropy, both kept small by a normal prior."""

    def losses(free: Tensor) -> Iterator[Tensor]:
        for rows, answers, entropy in chunks(divided, columns, spread):
            scaled = rows * torch.exp(-free[0] - free[1] * entropy)[:, None]
            yield -log_likelihoods(scaled, answers, output).sum() / len(columns)
        yield free.square().sum() / (2 * _PRIOR_SD**2 * len(columns))

    offset, slope = least(torch.zeros(2, dtype=torch.float64, device=divided.device), losses).tolist()
    return EntropyTemperature(offset=offset, slope=slope, lowest=spread.min().item(), highest=spread.max().item())
