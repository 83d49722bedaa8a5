"""Choose the temperature by entropy, see `classifier.inference.logit_scaling`, where it is better than none."""

from collections.abc import Iterator

import torch
from torch import Tensor

from classifier.bundles.calibration import EntropyTemperature
from classifier.calibration.temperature import FOLDS, MIN_SAMPLES, chunks, least
from classifier.inference.logit_scaling import scaled_by_entropy
from classifier.outputs.base import Output

_PRIOR_SD = 0.25  # of offset and slope: a few hundred samples of which most are clear would allow far larger ones


def choose_entropy_temperature(divided: Tensor, labels: Tensor, output: Output) -> EntropyTemperature | None:
    """The temperature by entropy if it gains over none, for (S, C) logits divided by temperatures and S labels.

    Judged by the mean gain in held-out log-likelihood, in five-fold cross-validation. Unlike with temperatures by level
    it need not exceed its standard error: two small numbers that luck chose do little harm, and a few hundred samples
    that need them seldom show it so clearly. With fewer than 50 samples, or without entropies, there is none.
    """
    if len(labels) < MIN_SAMPLES:
        return None
    spreads = [spread for (rows,) in chunks(divided) if (spread := output.entropies(rows)) is not None]
    if not spreads:
        return None
    spread = torch.cat(spreads)
    folds = torch.arange(len(labels), device=labels.device) % FOLDS
    gain = 0.0
    for number in range(FOLDS):
        seen, held_out = folds != number, folds == number
        found = _fit(divided[seen], labels[seen], spread[seen], output)
        for rows, answers, entropy in chunks(divided[held_out], labels[held_out], spread[held_out]):
            better = output.log_likelihoods(scaled_by_entropy(rows, entropy, found), answers)
            gain += (better - output.log_likelihoods(rows, answers)).sum().item()
    return _fit(divided, labels, spread, output) if gain > 0 else None


def _fit(divided: Tensor, labels: Tensor, spread: Tensor, output: Output) -> EntropyTemperature:
    """The offset and slope with the least cross-entropy, both kept small by a normal prior."""

    def losses(free: Tensor) -> Iterator[Tensor]:
        for rows, answers, entropy in chunks(divided, labels, spread):
            scaled = rows * torch.exp(-free[0] - free[1] * entropy)[:, None]
            yield -output.log_likelihoods(scaled, answers).sum() / len(labels)
        yield free.square().sum() / (2 * _PRIOR_SD**2 * len(labels))

    offset, slope = least(torch.zeros(2, dtype=torch.float64, device=divided.device), losses).tolist()
    return EntropyTemperature(offset=offset, slope=slope, lowest=spread.min().item(), highest=spread.max().item())
