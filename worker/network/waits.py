"""Hosts that asked to be left alone for a while, as this process was told."""

import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from worker.errors import HostBusyError

_SHORTEST_S = 1.0  # whatever a host says: its jobs are not to go round in circles


class HostWaits:
    """Until when each host is not asked; for all threads."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}  # by the monotonic clock

    def require_free(self, host: str) -> None:
        """Raise HostBusyError while a host is to be left alone."""
        with self._lock:
            left_s = self._ends.get(host, 0.0) - time.monotonic()
        if left_s > 0:
            raise HostBusyError(f"the host asked to wait, for {left_s:.0f} s more", left_s)

    def leave_alone(self, host: str, wait_s: float) -> float:
        """Do not ask a host for so long, within bounds; the seconds that this comes to. The longest wait counts."""
        wait_s = min(max(wait_s, _SHORTEST_S), self._longest_s)
        now = time.monotonic()
        with self._lock:
            self._ends = {name: end for name, end in self._ends.items() if end > now}
            self._ends[host] = max(now + wait_s, self._ends.get(host, 0.0))
            return self._ends[host] - now


def retry_after_s(value: str | None, now: datetime | None = None) -> float | None:
    """The seconds that a `Retry-After` asks for, given as a number or a date; None where it says neither.

    Source: RFC 9110, 10.2.3.
    """
    said = (value or "").strip()
    if said.isascii() and said.isdecimal():
        return float(said)
    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return (until - (now or datetime.now(UTC))).total_seconds()
