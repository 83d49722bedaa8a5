"""A worker process: the Celery consumer, and beside it the relay and the reaper as threads."""

import logging
import threading
import warnings
from collections.abc import Callable
from typing import Any, cast

import celery.worker.state
import torch
from celery import Celery
from celery.exceptions import SecurityWarning
from kombu.exceptions import OperationalError

from worker.app import publisher
from worker.board import open_jobs
from worker.bootstrap import Services
from worker.database import Database
from worker.errors import DatabaseError
from worker.monitoring.metrics import REAPED, REPUBLISHED
from worker.monitoring.monitor import monitored
from worker.outbox import relay_once
from worker.reaper import reap_once

log = logging.getLogger("cladist.worker")

_PAUSE_AFTER_ERROR_S = 1.0


def run_worker(services: Services, *, drain: bool = False, watch: Callable[[], None] | None = None) -> None:
    """Consume until SIGTERM or SIGINT, which let the batch at hand finish; with `drain`, until no job is open.

    `watch` is called now and then while it runs.
    """
    if services.settings.torch_threads:
        torch.set_num_threads(services.settings.torch_threads)
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
        with monitored(services.settings, services.database, services.app):
            _consume(services.app)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _consume(app: Celery) -> None:
    state = cast("Any", celery.worker.state)  # its flags are None, False or an exit code
    state.should_stop = state.should_terminate = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # of root and pickle: our messages are JSON only
            app.Worker(pool="solo", concurrency=1, quiet=True, without_mingle=True, without_gossip=True).start()
    finally:
        state.should_stop = None


def _relay(services: Services) -> None:
    settings = services.settings
    publish = publisher(services.app)
    while relay_once(services.database, publish, batch_size=settings.batch_size, window=settings.window):
        pass


def _reap(services: Services, republish_s: float) -> None:
    found = reap_once(services.database, max_attempts=services.settings.max_attempts, republish_s=republish_s)
    REAPED.inc(found.expired)
    REPUBLISHED.inc(found.republished)
    if found.expired or found.republished:
        log.warning("reaper: %d leases had ended, %d jobs published again", found.expired, found.republished)


def _stop_when_done(database: Database) -> None:
    if not open_jobs(database):
        cast("Any", celery.worker.state).should_stop = 0


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
