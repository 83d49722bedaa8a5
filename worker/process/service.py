"""A worker process: the Celery consumer, and beside it the relay and the reaper as threads."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from worker.dispatch.relay import Publish, relay_once
from worker.errors import BrokerError, DatabaseError
from worker.jobs.queries import open_jobs
from worker.jobs.reaper import reap_once
from worker.jobs.retention import purge_jobs
from worker.monitoring.monitor import monitored
from worker.process.bootstrap import Services
from worker.process.celery_app import publisher
from worker.process.celery_consumer import consume, stop_consuming
from worker.telemetry.metrics import REAPED, REPUBLISHED

log = logging.getLogger("cladist.worker")

_PAUSE_AFTER_ERROR_S = 1.0
_PURGE_EVERY_S = 3600.0


def run_worker(services: Services, *, drain: bool = False, watch: Callable[[], None] | None = None) -> None:
    """Consume until SIGTERM or SIGINT, which let what is in flight finish; with `drain`, until no job is open.

    `watch` is called now and then while it runs.
    """
    if services.settings.broker_is_embedded:
        _reap(services, republish_s=0.0)  # an in-process broker begins empty
    stop = threading.Event()
    publish = publisher(services.app)
    threads = [
        _repeat("relay", stop, services.settings.poll_s, lambda: _relay(services, publish), services.finished),
        _repeat("reaper", stop, services.settings.reap_s, lambda: _reap(services, services.settings.republish_s)),
    ]
    if services.settings.retention_days:
        threads.append(_repeat("retention", stop, _PURGE_EVERY_S, lambda: _purge(services, stop)))
    if drain:
        threads.append(_repeat("drain", stop, services.settings.poll_s, lambda: _stop_when_done(services)))
    if watch is not None:
        threads.append(_repeat("watch", stop, services.settings.poll_s, watch))
    try:
        with monitored(services.settings, services.database, services.app):
            consume(services.app, services.pipeline.stop_soon)
    finally:
        services.pipeline.close()
        stop.set()
        for thread in threads:
            thread.join()


def _relay(services: Services, publish: Publish) -> None:
    settings = services.settings
    limits = {"message_size": settings.message_size, "ahead": settings.ahead, "window": settings.window}
    relay_once(services.database, publish, **limits)


def _reap(services: Services, republish_s: float) -> None:
    found = reap_once(
        services.database,
        max_attempts=services.settings.max_attempts,
        republish_s=republish_s,
        lease_s=services.settings.lease_s,
        longest_s=services.settings.retry_max_s,
    )
    REAPED.inc(found.expired)
    REPUBLISHED.inc(found.republished)
    if found.expired or found.republished:
        log.warning("reaper: %d leases had ended, %d jobs published again", found.expired, found.republished)


def _purge(services: Services, stop: threading.Event) -> None:
    for _ in purge_jobs(services.database, timedelta(days=services.settings.retention_days)):
        if stop.is_set():
            return


def _stop_when_done(services: Services) -> None:
    if services.pipeline.is_idle() and not open_jobs(services.database):
        stop_consuming()


def _repeat(
    name: str, stop: threading.Event, pause_s: float, action: Callable[[], None], wake: threading.Event | None = None
) -> threading.Thread:
    """Run an action again and again in a thread; `wake` cuts a pause short. It outlives transient errors."""

    def loop() -> None:
        while not stop.is_set():
            try:
                action()
            except (DatabaseError, BrokerError, OSError) as error:
                log.warning("%s: %s", name, error)
                stop.wait(_PAUSE_AFTER_ERROR_S)
            if (wake or stop).wait(pause_s) and wake:
                wake.clear()

    thread = threading.Thread(target=loop, name=f"cladist-{name}", daemon=True)
    thread.start()
    return thread
