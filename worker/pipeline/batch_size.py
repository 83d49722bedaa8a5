"""How many assets one forward pass takes: measured for the machine and the bundle."""

import logging
import time
from collections.abc import Callable

import torch

from classifier.inference.predictor import Predictor

log = logging.getLogger("cladist.pipeline")

Clock = Callable[[], float]

LARGEST = 32  # assets in one forward pass: 64 are no faster, and memory grows for 20,000 images (benchmarks/memory.py)
IN_ALL = (
    64  # assets in all passes side by side: half of what the relay lets in, so that the next are prepared meanwhile
)
_ROUNDS = 3  # forward passes of each size; the fastest counts, as it was disturbed least
_BUDGET_S = 1.5  # no larger size is tried after this, so that no pass takes much longer than a second
_AS_FAST = 1.1  # times the fastest time still counts as equally fast: so short a measurement is no more exact


class BatchSizes:
    """The best batch size of each bundle, measured once in this process unless it is given."""

    def __init__(self, given: int = 0, clock: Clock = time.perf_counter, largest: int = LARGEST) -> None:
        self._given = given
        self._largest = largest
        self._clock = clock
        self._measured: dict[str, int] = {}

    def known(self, predictor: Predictor) -> int | None:
        """The batch size of a loaded bundle; None where it is not given and was not measured yet."""
        return self._given or self._measured.get(predictor.bundle.model)

    def measure(self, predictor: Predictor) -> int:
        """Measure the batch size of a loaded bundle."""
        model = predictor.bundle.model
        self._measured[model] = measure_batch_size(predictor, self._clock, self._largest)
        log.info("%s: batches of %d", model, self._measured[model])
        return self._measured[model]


def measure_batch_size(predictor: Predictor, clock: Clock = time.perf_counter, largest: int = LARGEST) -> int:
    """The largest power of two up to `largest` that is as fast as any other, and never slower than batch 1.

    Larger is not always faster: the activations may no longer fit the caches. Among sizes of equal speed the largest
    costs least around the model, in claims, transactions and turns of the interpreter's lock.
    """
    started = clock()
    _seconds_per_image(predictor, 1, clock)  # warm-up
    found = {1: _seconds_per_image(predictor, 1, clock)}
    size = 2
    while size <= largest and clock() - started < _BUDGET_S:
        try:
            found[size] = _seconds_per_image(predictor, size, clock)
        except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is one: smaller batches go
            log.warning("%s: no batches of %d: %s", predictor.bundle.model, size, error)
            break
        size *= 2
    bound_s = min(found[1], _AS_FAST * min(found.values()))
    return max(size for size, seconds in found.items() if seconds <= bound_s)


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
