"""Puts items that are ready for the model into batches: full ones where possible, and no long wait for slow items."""

import threading
import time
from collections import defaultdict, deque

from classifier.inference.predictor import Predictor
from worker.pipeline.in_flight import Item

LINGER_S = 0.1  # the longest that a ready item waits for others of its batch


class Batcher:
    """Items by predictor, in the order in which they became ready."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queues: dict[Predictor | None, deque[Item]] = defaultdict(deque)
        self._sizes: dict[Predictor | None, int] = {}
        self._expected: dict[Predictor | None, int] = defaultdict(int)
        self._is_closed = False

    def expect(self, predictor: Predictor | None, count: int, batch_size: int) -> None:
        """So many items of a predictor are on their way; it takes batches of at most `batch_size`."""
        with self._changed:
            self._sizes[predictor] = batch_size
            self._expected[predictor] += count

    def put(self, item: Item) -> None:
        """An item that was expected is ready, or has failed."""
        with self._changed:
            self._expected[item.predictor] -= 1
            queue = self._queues[item.predictor]
            queue.append(item)
            if len(queue) == 1 or self._is_due(queue):  # nobody need wake up to see a batch grow
                self._changed.notify_all()

    def take(self) -> list[Item] | None:
        """The next batch, of one predictor: full, or all that can be had soon. None when closed and empty."""
        with self._changed:
            while True:
                due = [queue[0] for queue in self._queues.values() if self._is_due(queue)]
                if due:
                    return self._cut(min(due, key=lambda item: item.since).predictor)
                if self._is_closed and not any(self._expected.values()):
                    return None
                self._changed.wait(self._patience_s())

    def close(self) -> None:
        """Let `take` end once everything expected has been taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _is_due(self, queue: deque[Item]) -> bool:
        if not queue:
            return False
        predictor = queue[0].predictor
        is_whole = not self._expected[predictor] or len(queue) >= self._sizes[predictor]
        return is_whole or time.monotonic() - queue[0].since >= LINGER_S

    def _patience_s(self) -> float | None:
        heads = [queue[0].since for queue in self._queues.values() if queue]
        return max(0.0, min(heads) + LINGER_S - time.monotonic()) if heads else None

    def _cut(self, predictor: Predictor | None) -> list[Item]:
        queue = self._queues[predictor]
        batch = [queue.popleft() for _ in range(min(len(queue), self._sizes[predictor]))]
        if not queue and not self._expected[predictor]:  # a predictor that is not used now may leave memory
            del self._queues[predictor], self._expected[predictor], self._sizes[predictor]
        return batch
