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

from classifier.bundles.calibration import EntropyTemperature
from classifier.calibration.temperature import FOLDS, MIN_SAMPLES, chunks, least, log_likelihoods
from classifier.inference.logit_scaling import entropies, scaled_by_entropy
from classifier.outputs.method import Output

_PRIOR_SD = 0.25  # of offset and slope: a few hundred samples of which most are clear would allow far larger ones


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
            better = log_likelihoods(scaled_by_entropy(rows, entropy, found), answers, output)
            gain += (better - log_likelihoods(rows, answers, output)).sum().item()
    return _fit(divided, columns, spread, output) if gain > 0 else None


def _fit(divided: Tensor, columns: Tensor, spread: Tensor, output: Output) -> EntropyTemperature:
    """The offset and slope with the least cross-entropy, both kept small by a normal prior."""

    def losses(free: Tensor) -> Iterator[Tensor]:
        for rows, answers, entropy in chunks(divided, columns, spread):
            scaled = rows * torch.exp(-free[0] - free[1] * entropy)[:, None]
            yield -log_likelihoods(scaled, answers, output).sum() / len(columns)
        yield free.square().sum() / (2 * _PRIOR_SD**2 * len(columns))

    offset, slope = least(torch.zeros(2, dtype=torch.float64, device=divided.device), losses).tolist()
    return EntropyTemperature(offset=offset, slope=slope, lowest=spread.min().item(), highest=spread.max().item())
