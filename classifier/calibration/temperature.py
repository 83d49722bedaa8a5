"""Temperatures: one for all logits, or one for each level where held-out data show that this is better.

The logits of a level are divided by that level's temperature before the path sum, so that probabilities stay coherent
whatever the temperatures are.
"""

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from classifier.errors import CalibrationError
from classifier.outputs.base import Output
from taxonomy.arrays import Ints

TEMPERATURES = np.geomspace(0.25, 4.0, 161)  # steps of 1.7 %, finer than a few hundred samples can tell apart

_SPAN = math.log(8.0)  # a level's temperature stays within this factor of the one temperature

FOLDS = 5
MIN_SAMPLES = 50  # fewer cannot tell temperatures by level from luck

_CHUNK = 256  # samples to one product, so that memory does not grow with them

_STEPS = 30


def fit_temperature(batches: Iterable[tuple[Tensor, ...]], output: Output) -> float:
    """The temperature with the least cross-entropy over batches of (logits (B, C), labels).

    All candidates are scored in one pass, so that memory does not grow with the samples. Raises CalibrationError when
    the logits are not finite. Source: Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    losses = np.zeros(len(TEMPERATURES))
    for logits, labels in batches:
        losses += output.losses_at(logits, labels, TEMPERATURES)
    if not np.isfinite(losses).any():
        raise CalibrationError("calibration: the model's outputs are not finite")
    return float(TEMPERATURES[int(np.nanargmin(losses))])


def fit_level_temperatures(
    logits: Tensor, labels: Tensor, output: Output, levels: Ints, start: float = 1.0
) -> tuple[float, ...]:
    """The temperatures of levels 1, 2, ... with the least cross-entropy of (S, C) logits against S labels.

    levels: (C,) the level of each column. Each stays within a factor of 8 of `start`. By L-BFGS.
    """
    places = torch.from_numpy(levels - 1).to(logits.device)

    def losses(free: Tensor) -> Iterator[Tensor]:
        for rows, answers in chunks(logits, labels):
            inverse = torch.exp(-_SPAN * torch.tanh(free))[places] / start
            yield -output.log_likelihoods(rows.double() * inverse, answers).sum() / len(labels)

    free = least(torch.zeros(int(levels.max()), dtype=torch.float64, device=logits.device), losses)
    return tuple((start * torch.exp(_SPAN * torch.tanh(free))).tolist())


def least(free: Tensor, losses: Callable[[Tensor], Iterable[Tensor]]) -> Tensor:
    """Where the sum of the losses is least, by L-BFGS from `free`; each is differentiated as it comes."""
    free = free.requires_grad_()
    optimiser = torch.optim.LBFGS([free], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def cost() -> float:
        optimiser.zero_grad()
        total = 0.0
        for loss in losses(free):
            loss.backward()
            total += loss.item()
        return total

    optimiser.step(cost)
    return free.detach()


def choose_level_temperatures(logits: Tensor, labels: Tensor, output: Output, temperature: float) -> tuple[float, ...]:
    """The level temperatures if they beat one temperature, else none: () stands for one.

    Judged by five-fold cross-validation: the mean gain in held-out log-likelihood must exceed its standard error, so
    that luck alone seldom chooses them. With fewer than 50 samples, one level, or an output that takes no temperatures
    by level there is one temperature.
    """
    levels = output.column_levels
    if levels is None or levels.max() == 1 or len(labels) < MIN_SAMPLES:
        return ()
    folds = torch.arange(len(labels), device=labels.device) % FOLDS
    gains = [_gains(logits, labels, output, levels, temperature, held_out=folds == number) for number in range(FOLDS)]
    gain = torch.cat(gains)
    if not gain.mean() > gain.std() / math.sqrt(len(gain)):
        return ()
    return fit_level_temperatures(logits, labels, output, levels, temperature)


def chunks(*parts: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield tensors of as many rows side by side, a few hundred rows at a time."""
    for start in range(0, len(parts[0]), _CHUNK):
        yield tuple(part[start : start + _CHUNK] for part in parts)


def _gains(
    logits: Tensor,
    labels: Tensor,
    output: Output,
    levels: Ints,
    temperature: float,
    *,
    held_out: Tensor,
) -> Tensor:
    """How much likelier each held-out label is by level temperatures than by one, both fitted on the others."""
    seen, answers = logits[~held_out], labels[~held_out]
    everywhere = fit_level_temperatures(seen, answers, output, np.ones_like(levels), temperature)[0]
    by_level = np.array(fit_level_temperatures(seen, answers, output, levels, temperature))[levels - 1]
    rows = logits[held_out].double()
    better = output.log_likelihoods(rows / torch.from_numpy(by_level).to(rows.device), labels[held_out])
    return better - output.log_likelihoods(rows / everywhere, labels[held_out])
