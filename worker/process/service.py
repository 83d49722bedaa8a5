"""A worker process: the Celery consumer, and beside it the relay, the reaper and others as threads."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from worker.access.answers import purge_answers
from worker.audit.chain import Linker
from worker.dispatch.relay import Publish, relay_once
from worker.errors import DatabaseError
from worker.events.retention import purge_events
from worker.jobs.batch_ends import BatchEnds
from worker.jobs.reaper import reap_once
from worker.jobs.retention import purge_jobs
from worker.monitoring.monitor import monitored
from worker.process.bootstrap import Services
from worker.process.celery_app import publisher
from worker.process.celery_consumer import consume
from worker.process.draining import Drain
from worker.process.telling import end_telling, make_tellings, start_telling
from worker.sinks.telling import Telling
from worker.supervision.lasting import LastingThread, Turn, outlive
from worker.supervision.pulses import Pulse
from worker.telemetry.metrics import REAPED, REPUBLISHED

log = logging.getLogger("cladist.worker")

_PURGE_EVERY_S = 3600.0
_LINK_EVERY_S = 1.0


def run_worker(services: Services, *, drain: bool = False, watch: Callable[[], None] | None = None) -> None:
    """Consume until SIGTERM or SIGINT, which let what is in flight finish; with `drain`, until no job is open.

    `watch` is called now and then while it runs. Raises ConsumerEndedError when the consumer ends unasked.
    """
    if services.settings.broker_is_embedded:
        _begin_empty(services)
    stop, tellings = threading.Event(), make_tellings(services)
    threads = [thread.start() for thread in _threads(services, stop, tellings, drain=drain, watch=watch)]
    telling = start_telling(services, tellings, stop)
    try:
        with monitored(services.settings, services.database, services.app, services.pipeline.pulses):
            consume(services.app, services.pipeline.stop_soon)
    finally:
        services.pipeline.close()
        stop.set()
        for thread in threads:
            thread.join()
        end_telling(services, telling)
        _link_the_rest(services)


def _begin_empty(services: Services) -> None:
    """Publish again what an in-process broker has forgotten with the process before; the reaper makes up for a miss."""
    try:
        _reap(services, republish_s=0.0)
    except DatabaseError as error:
        outlive("reaper", error)


def _link_the_rest(services: Services) -> None:
    """Link what this worker has recorded last; what is not safe yet is left to others, or to the next one."""
    try:
        Linker(services.database).link()
    except DatabaseError as error:
        outlive("audit", error)


def _threads(
    services: Services,
    stop: threading.Event,
    tellings: Sequence[Telling],
    *,
    drain: bool,
    watch: Callable[[], None] | None,
) -> Iterator[LastingThread]:
    """The threads beside the consumer, not yet started."""
    settings, publish, ends = services.settings, publisher(services.app), BatchEnds()

    def lasting(name: str, pause_s: float, turn: Turn, wake: threading.Event | None = None) -> LastingThread:
        pulses, bound_s = services.pipeline.pulses, settings.stuck_s
        return LastingThread(name, turn, pulses=pulses, bound_s=bound_s, stop=stop, pause_s=pause_s, wake=wake)

    yield lasting("relay", settings.poll_s, lambda: _relay(services, publish), services.finished)
    yield lasting("reaper", settings.reap_s, lambda: _reap_round(services, ends))
    yield lasting("audit", _LINK_EVERY_S, Linker(services.database).link)
    purging = lasting("retention", _PURGE_EVERY_S, lambda: _purge(services, stop, purging.pulse))
    yield purging
    if drain:
        yield lasting("drain", settings.poll_s, Drain(services, tellings).turn)
    if watch is not None:
        yield lasting("watch", settings.poll_s, watch)


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


def _reap_round(services: Services, ends: BatchEnds) -> None:
    _reap(services, services.settings.republish_s)
    ends.sweep(services.database)


def _purge(services: Services, stop: threading.Event, pulse: Pulse) -> None:
    settings = services.settings
    if settings.retention_days:
        for _ in purge_jobs(services.database, timedelta(days=settings.retention_days)):
            pulse.beat()
            if stop.is_set():
                return
    for _ in purge_events(services.database, timedelta(days=settings.events_keep_days)):
        pulse.beat()
        if stop.is_set():
            return
    for _ in purge_answers(services.database):
        pulse.beat()
        if stop.is_set():
            return
