"""A worker process: the Celery consumer, and beside it the relay and the reaper as threads."""

import logging
import threading
from collections.abc import Callable

from kombu.exceptions import OperationalError

from worker.app import publisher
from worker.board import open_jobs
from worker.bootstrap import Services
from worker.consumer import consume, stop_consuming
from worker.database import Database
from worker.errors import DatabaseError
from worker.outbox import relay_once
from worker.reaper import reap_once

log = logging.getLogger("cladist.worker")

_PAUSE_AFTER_ERROR_S = 1.0


def run_worker(services: Services, *, drain: bool = False, watch: Callable[[], None] | None = None) -> None:
    """Consume until SIGTERM or SIGINT, which let what is in flight finish; with `drain`, until no job is open.

    `watch` is called now and then while it runs.
    """
    if services.settings.broker_is_embedded:
        _reap(services, republish_s=0.0)  # an in-process broker begins empty
    stop = threading.Event()
    threads = [
        _repeat("relay", stop, services.settings.poll_s, lambda: _relay(services)),
        _repeat("reaper", stop, services.settings.reap_s, lambda: _reap(services, services.settings.republish_s)),
    ]
    if drain:
        threads.append(_repeat("drain", stop, services.settings.poll_s, lambda: _stop_when_done(services.database)))
    if watch is not None:
        threads.append(_repeat("watch", stop, services.settings.poll_s, watch))
    try:
        consume(services.app, services.pipeline.stop_soon)
    finally:
        services.pipeline.close()
        stop.set()
        for thread in threads:
            thread.join()


def _relay(services: Services) -> None:
    settings = services.settings
    publish = publisher(services.app)
    while relay_once(services.database, publish, batch_size=settings.message_size, window=settings.window):
        pass


def _reap(services: Services, republish_s: float) -> None:
    found = reap_once(services.database, max_attempts=services.settings.max_attempts, republish_s=republish_s)
    if found.expired or found.republished:
        log.warning("reaper: %d leases had ended, %d jobs published again", found.expired, found.republished)


def _stop_when_done(database: Database) -> None:
    if not open_jobs(database):
        stop_consuming()


def _repeat(name: str, stop: threading.Event, pause_s: float, action: Callable[[], None]) -> threading.Thread:
    """Run an action again and again in a thread; the world's faults are logged and outlived."""

    def loop() -> None:
        while not stop.is_set():
            try:
                action()
            except (DatabaseError, OperationalError, OSError) as error:
                log.warning("%s: %s", name, error)
                stop.wait(_PAUSE_AFTER_ERROR_S)
            stop.wait(pause_s)

    thread = threading.Thread(target=loop, name=f"cladist-{name}", daemon=True)
    thread.start()
    return thread
