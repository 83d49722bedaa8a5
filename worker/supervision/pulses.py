"""The pulse of each long-running thread: who has not been heard of for longer than it may be."""

import threading
import time
from collections.abc import Callable

Clock = Callable[[], float]


class Pulse:
    """One thread's sign of life; `beat` and `rest` are called by that thread."""

    def __init__(self, name: str, bound_s: float, clock: Clock = time.monotonic) -> None:
        self.name = name
        self._bound_s = bound_s
        self._clock = clock
        self._beat_at: float | None = clock()
        self._thread: threading.Thread | None = None

    def beat(self) -> None:
        """This thread is at work; it beats again, or rests, within the bound."""
        self._thread = threading.current_thread()
        self._beat_at = self._clock()

    def rest(self) -> None:
        """This thread waits for something to do, for as long as it takes."""
        self._thread = threading.current_thread()
        self._beat_at = None

    def fault(self) -> str | None:
        """What is wrong with the thread; None while it lives and beats in time."""
        if self._thread is not None and not self._thread.is_alive():
            return f"thread {self.name} has ended"
        beat_at = self._beat_at
        if beat_at is None or (age_s := self._clock() - beat_at) <= self._bound_s:
            return None
        return f"thread {self.name} has not been heard of for {age_s:.0f} s"


class Pulses:
    """The pulses of one process."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pulses: set[Pulse] = set()

    def add(self, name: str, bound_s: float) -> Pulse:
        """Watch a thread from now on."""
        pulse = Pulse(name, bound_s, self._clock)
        with self._lock:
            self._pulses.add(pulse)
        return pulse

    def remove(self, pulse: Pulse) -> None:
        """A thread has ended as it should."""
        with self._lock:
            self._pulses.discard(pulse)

    def faults(self) -> list[str]:
        """What is wrong, one text for each thread; empty while all live and beat in time."""
        with self._lock:
            pulses = sorted(self._pulses, key=lambda pulse: pulse.name)
        return [fault for pulse in pulses if (fault := pulse.fault())]
