"""What is in flight in this process: claimed jobs on their way through the stages."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from torch import Tensor

from classifier.images.limits import WHOLE, Marks
from classifier.inference.prediction import AssetPrediction
from classifier.inference.predictor import Predictor
from worker.jobs.claims import Claim
from worker.labels.contents import Content
from worker.states import Code


class Stage(StrEnum):
    """Where a claimed job is."""

    WAITING = "waiting"
    FETCH = "fetch"
    DECODE = "decode"
    READY = "ready"
    PREDICT = "predict"
    STORE = "store"


_BEFORE_THE_MODEL = frozenset({Stage.WAITING, Stage.FETCH, Stage.DECODE, Stage.READY})
_AT_WORK = frozenset({Stage.FETCH, Stage.DECODE, Stage.PREDICT, Stage.STORE})


@dataclass(slots=True, eq=False)
class Item:
    """One claim on its way, with what the stages found: content, pixels, then a prediction; or its error."""

    claim: Claim
    predictor: Predictor | None = None
    content: bytes | None = None  # of the asset, until it is decoded
    pixels: Tensor | None = None  # (3, S, S) uint8, until it is predicted
    marks: Marks = WHOLE  # of the picture, for its prediction
    prediction: AssetPrediction | None = None
    hashes: Content | None = None  # of the content, from when it is decoded
    hash_lists: tuple[str, ...] = ()  # that know the content, from then on
    error: Exception | None = None
    code: Code | None = None  # with an error: fails for good with this code; without one it is tried again
    is_given_back: bool = False  # untried
    stage: Stage = Stage.WAITING
    since: float = 0.0  # by the monotonic clock: when it entered its stage

    def fail(self, error: Exception, code: Code | None = None) -> None:
        """End with this error; its traceback is dropped, which would keep the asset's content in memory."""
        error.__cause__ = error.__context__ = None
        self.error, self.code = error.with_traceback(None), code
        self.content = self.pixels = self.prediction = None


class InFlight:
    """The items of this process, from their claim until they are finished or given back."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: set[Item] = set()

    def add(self, items: Iterable[Item]) -> None:
        """Take items in."""
        items = list(items)
        self.enter(Stage.WAITING, items)
        with self._changed:
            self._items.update(items)

    def remove(self, items: Iterable[Item]) -> None:
        """Let go of items that are finished, given back, or lost to another worker."""
        with self._changed:
            self._items.difference_update(items)
            self._changed.notify_all()

    def enter(self, stage: Stage, items: Iterable[Item]) -> None:
        """Move items to a stage."""
        with self._changed:
            for item in items:
                item.stage, item.since = stage, time.monotonic()
            if stage not in _BEFORE_THE_MODEL:
                self._changed.notify_all()

    def items(self) -> list[Item]:
        """All that is in flight."""
        with self._changed:
            return list(self._items)

    def stuck(self, limit_s: float) -> list[Item]:
        """The items that have been in their stage for longer than this, the longest first.

        Those that only wait are named where nothing else explains why.
        """
        before = time.monotonic() - limit_s
        late = sorted((item for item in self.items() if item.since < before), key=lambda item: item.since)
        return [item for item in late if item.stage in _AT_WORK] or late

    def wait_for_room(self, count: int, timeout_s: float) -> bool:
        """Wait until fewer than `count` items are before the model; False when the time is up first."""
        with self._changed:
            return self._changed.wait_for(lambda: self._before_the_model() < count, timeout_s)

    def wait_until_empty(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing is in flight; False when the time is up first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._items, timeout_s)

    def _before_the_model(self) -> int:
        return sum(item.stage in _BEFORE_THE_MODEL for item in self._items)
