"""A thread that outlives every exception, and takes the process with it when it cannot go on."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from worker.errors import BrokerError, DatabaseError
from worker.supervision.pulses import Pulses
from worker.telemetry.metrics import THREAD_ERRORS

log = logging.getLogger("cladist.worker")

Turn = Callable[[], object]

EXIT_BROKEN = 70  # EX_SOFTWARE of sysexits.h: a supervisor starts the worker again
ENDED = object()  # what a turn returns after which there is nothing left to do
_THE_WORLD = (DatabaseError, BrokerError, OSError)
_PAUSE_S = 1.0  # after an error of the world, and after the first that nobody expected
_LONGEST_PAUSE_S = 15.0  # after many in a row that nobody expected


class LastingThread:
    """Takes turns until `stop` is set or a turn returns ENDED, with a pause between them that `wake` cuts short.

    An exception is logged and counted, and the next turn comes a little later: the longer the more that nobody expected
    come in a row. Anything that is no Exception ends the process with 70. The thread's pulse may be `bound_s` old, and
    as much older as its pauses are long.
    """

    def __init__(
        self,
        name: str,
        turn: Turn,
        *,
        pulses: Pulses,
        bound_s: float,
        stop: threading.Event | None = None,
        pause_s: float = 0.0,
        wake: threading.Event | None = None,
    ) -> None:
        self.name = name
        self._turn = turn
        self._stop = stop or threading.Event()
        self._pause_s = pause_s
        self._wake = wake
        self._pulses = pulses
        self.pulse = pulses.add(name, bound_s + pause_s + _LONGEST_PAUSE_S)
        self._thread = threading.Thread(target=self._run, name=f"cladist-{name}", daemon=True)

    def start(self) -> "LastingThread":
        """Begin."""
        self._thread.start()
        return self

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the end, and no longer than the timeout: what runs on ends with the process."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._take_turns()
        except BaseException:  # noqa: BLE001 (the process ends)
            end_process(self.name)
        self._pulses.remove(self.pulse)

    def _take_turns(self) -> None:
        unexpected = 0
        while not self._stop.is_set():
            self.pulse.beat()
            try:
                if self._turn() is ENDED:
                    return
                unexpected = 0
            except Exception as error:  # noqa: BLE001 (it is what this thread is for)
                outlive(self.name, error)
                unexpected = 0 if isinstance(error, _THE_WORLD) else unexpected + 1
                self._stop.wait(pause_after(unexpected))
            self._pause()

    def _pause(self) -> None:
        if self._pause_s and (self._wake or self._stop).wait(self._pause_s) and self._wake:
            self._wake.clear()


def outlive(name: str, error: Exception) -> None:
    """Log and count an error that a thread goes on after: one line for the world's, a traceback for ours."""
    THREAD_ERRORS.labels(name, type(error).__name__).inc()
    if isinstance(error, _THE_WORLD):
        log.warning("%s: %s", name, error)
    else:
        log.error("%s: stopped by an error, and goes on", name, exc_info=error)


def pause_after(unexpected: int) -> float:
    """Seconds until the next turn after so many errors in a row that nobody expected; it doubles up to 15 s."""
    return min(_LONGEST_PAUSE_S, _PAUSE_S * 2.0 ** min(max(0, unexpected - 1), 16))


def end_process(name: str) -> NoReturn:
    """End this process now with 70, as a thread of it cannot go on."""
    try:
        log.critical("%s cannot go on: this worker ends itself", name, exc_info=sys.exception())
    finally:
        os._exit(EXIT_BROKEN)
