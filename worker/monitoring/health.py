"""Whether this worker is alive and ready, told by what it does rather than by whether it is connected."""

import time
from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps

from worker.supervision.pulses import Pulses

_BEAT_S = 1.0
_ANSWER_S = 15.0  # a database that was silent for so long makes a worker not ready


class Health:
    """What is known of this worker's consume loop, its threads, its work, its broker and its database.

    A worker is alive unless its consume loop stands still, or jobs lie published and pending while it does nothing,
    for `stall_s`, or one of its threads has ended or not been heard of for too long. One that waits for its broker or
    its database is alive, but not ready: no restart would help it.
    """

    def __init__(
        self, stall_s: float, clock: Callable[[], float] = time.monotonic, pulses: Pulses | None = None
    ) -> None:
        self._pulses = pulses or Pulses(clock)
        self._stall_s = stall_s
        self._clock = clock
        self._beat_at = self._sample_at = clock()
        self._idle_since: float | None = None  # since when jobs have been pending while nothing was done
        self._work = 0.0
        self._is_connected = False

    def beat(self) -> None:
        """The consume loop has turned."""
        self._beat_at = self._clock()

    def connected(self, *, is_connected: bool) -> None:
        """The consumer has begun to consume, or has lost its broker."""
        self._is_connected = is_connected
        self.beat()

    def sampled(self, *, is_pending: bool, work: float) -> None:
        """The database answered whether jobs lie published and pending; `work` grows with all that this worker does."""
        now = self._clock()
        self._sample_at = now
        worked = work != self._work
        self._work = work
        if worked:
            self._beat_at = now  # a loop that runs a long batch does not turn
        if worked or not is_pending or not self._is_connected:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now

    def faults(self) -> list[str]:
        """Why this worker should be started again; empty for one that is alive."""
        now = self._clock()
        found = self._pulses.faults()
        if self._is_connected and now - self._beat_at > self._stall_s:
            found.append(f"the consume loop has stood still for {now - self._beat_at:.0f} s")
        if self._idle_since is not None and now - self._idle_since > self._stall_s:
            found.append(f"jobs are pending, yet nothing was done for {now - self._idle_since:.0f} s")
        return found

    def hindrances(self) -> list[str]:
        """Why this worker does not work now, its faults included; empty for one that is ready."""
        found = self.faults()
        if not self._is_connected:
            found.append("not connected to the broker")
        if self._clock() - self._sample_at > _ANSWER_S:
            found.append("no answer from the database")
        return found


def watch_consumer(app: Celery, health: Health) -> None:
    """Let the consumer of this app tell of its connection and of each turn of its loop."""

    class Pulse(bootsteps.StartStopStep):
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def start(self, parent: Any) -> None:
            health.connected(is_connected=True)
            self.entry = parent.timer.call_repeatedly(_BEAT_S, health.beat)

        def stop(self, parent: Any) -> None:
            del parent
            health.connected(is_connected=False)
            if entry := getattr(self, "entry", None):
                entry.cancel()

        def shutdown(self, parent: Any) -> None:
            self.stop(parent)

    app.steps["consumer"].add(Pulse)
