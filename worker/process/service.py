"""A worker process: the Celery consumer, and beside it the relay, the reaper and others as threads."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from worker.process.draining import Drain, Follower
from worker.process.telling import end_telling, make_tellings, start_telling
from worker.process.webhooks import Webhooks
from worker.supervision.lasting import LastingThread, Turn, outlive
from worker.supervision.pulses import Pulse
from worker.telemetry.metrics import REAPED, REPUBLISHED
from worker.webhooks.retention import give_up_deliveries, purge_deliveries

log = logging.getLogger("cladist.worker")

_PURGE_EVERY_S = 3600.0
_LINK_EVERY_S = 1.0


def run_worker(services: Services, *, drain: bool = False, watch: Callable[[], None] | None = None) -> None:
    """Consume until SIGTERM or SIGINT, which let what is in flight finish; with `drain`, until no job is open.

    `watch` is called now and then while it runs. Raises ConsumerEndedError when the consumer ends unasked.
    """
    if services.settings.broker_is_embedded:
        _begin_empty(services)
    stop, tellings, webhooks = threading.Event(), make_tellings(services), Webhooks(services)
    followers: list[Follower] = [*tellings, webhooks]
    beside = [*_threads(services, stop, followers, drain=drain, watch=watch), *webhooks.threads(stop)]
    threads = [thread.start() for thread in beside]
    telling = start_telling(services, tellings, stop)
    try:
        with monitored(services.settings, services.database, services.app, services.pipeline.pulses):
            consume(services.app, services.pipeline.stop_soon)
    finally:
        services.pipeline.close()
        stop.set()
        webhooks.close()
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
    followers: Sequence[Follower],
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
        yield lasting("drain", settings.poll_s, Drain(services, followers).turn)
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
    for pieces in _purges(services):
        for _ in pieces:
            pulse.beat()
            if stop.is_set():
                return


def _purges(services: Services) -> Iterator[Iterable[int]]:
    """All that is purged, each piece by piece."""
    settings, database = services.settings, services.database
    if settings.retention_days:
        yield purge_jobs(database, timedelta(days=settings.retention_days))
    kept = timedelta(days=settings.events_keep_days)
    yield give_up_deliveries(database)
    yield purge_deliveries(database, kept)
    yield purge_events(database, kept)
    yield purge_answers(database)
