"""The end of a worker that was asked to stop when no job is open."""

import time
from collections.abc import Sequence

from worker.jobs.batch_ends import BatchEnds
from worker.jobs.queries import open_jobs
from worker.process.bootstrap import Services
from worker.process.celery_consumer import stop_consuming
from worker.sinks.telling import Telling


class Drain:
    """Ends the consumer once no job is open and the sinks were told so; it waits for these no longer than `stop_s`."""

    def __init__(self, services: Services, tellings: Sequence[Telling]) -> None:
        self._services = services
        self._tellings = tellings
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
        if now - self._done_at >= self._services.settings.stop_s or not any(t.is_behind() for t in self._tellings):
            stop_consuming()
