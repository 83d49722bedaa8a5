"""How many assets one forward pass takes: measured for the machine and the bundle."""

import logging
import time
from collections.abc import Callable

import torch

from classifier.runtime import Predictor

log = logging.getLogger("cladist.pipeline")

Clock = Callable[[], float]

LARGEST = 32
_ROUNDS = 3  # forward passes of each size; the fastest counts, as it was disturbed least
_BUDGET_S = 3.0  # no larger size is tried after this
_WORTH = 1.03  # a larger batch must be this much faster: it waits longer and takes more memory


class BatchSizes:
    """The best batch size of each bundle, measured once in this process unless it is given."""

    def __init__(self, given: int = 0, clock: Clock = time.perf_counter) -> None:
        self._given = given
        self._clock = clock
        self._measured: dict[str, int] = {}

    def known(self, predictor: Predictor) -> int | None:
        """The batch size of a loaded bundle; None where it is not given and was not measured yet."""
        return self._given or self._measured.get(predictor.bundle.model)

    def measure(self, predictor: Predictor) -> int:
        """Measure the batch size of a loaded bundle; no other forward pass should run meanwhile."""
        model = predictor.bundle.model
        self._measured[model] = measure_batch_size(predictor, self._clock)
        log.info("%s: batches of %d", model, self._measured[model])
        return self._measured[model]


def measure_batch_size(predictor: Predictor, clock: Clock = time.perf_counter) -> int:
    """The batch size of most images/s among powers of two up to LARGEST: on no machine slower than one by one.

    Large batches are no gain on every machine: their activations may not fit its caches.
    """
    started = clock()
    best, best_s = 1, _seconds_per_image(predictor, 1, clock)
    size = 2
    while size <= LARGEST and clock() - started < _BUDGET_S:
        found_s = _seconds_per_image(predictor, size, clock)
        if found_s * _WORTH < best_s:
            best, best_s = size, found_s
        size *= 2
    return best


def _seconds_per_image(predictor: Predictor, size: int, clock: Clock) -> float:
    size_px = predictor.bundle.info.image_size_px
    pixels = torch.zeros((size, 3, size_px, size_px), dtype=torch.uint8)
    assets = [""] * size
    seconds = []
    for _ in range(_ROUNDS):
        begun = clock()
        predictor.predict(assets, pixels)
        seconds.append(clock() - begun)
    return min(seconds) / size
