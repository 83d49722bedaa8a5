"""The end of a worker that was asked to stop when no job is open."""

import time
from collections.abc import Sequence
from typing import Protocol

from worker.jobs.batch_ends import BatchEnds
from worker.jobs.queries import open_jobs
from worker.process.bootstrap import Services
from worker.process.celery_consumer import stop_consuming


class Follower(Protocol):
    """Somebody who is told of events."""

    def is_behind(self) -> bool:
        """Whether something waits that could be told now."""


class Drain:
    """Ends the consumer once no job is open and all followers were told so, or after `stop_s`."""

    def __init__(self, services: Services, followers: Sequence[Follower]) -> None:
        self._services = services
        self._followers = followers
        self._ends = BatchEnds()
        self._done_at: float | None = None

    def turn(self) -> None:
        """Look whether the time has come."""
        if not self._services.pipeline.is_idle() or open_jobs(self._services.database):
            self._done_at = None
            return
        now = time.monotonic()
        if self._done_at is None:
            self._ends.sweep(self._services.database)
            self._done_at = now
        if now - self._done_at >= self._services.settings.stop_s or not any(
            each.is_behind() for each in self._followers
        ):
            stop_consuming()
