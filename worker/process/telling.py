"""The threads of a worker that tell sinks of events, one for each: none waits for another, and no job for any."""

import threading
from collections.abc import Iterable, Sequence

from worker.errors import DatabaseError
from worker.process.bootstrap import Services
from worker.sinks.cursors import give_up_leases
from worker.sinks.telling import Telling
from worker.supervision.lasting import LastingThread, outlive

_POLLS = 10  # of the relay, between two looks for events
_PATIENCE_S = 5.0  # with a sink that stands still while this worker stops


def make_tellings(services: Services) -> list[Telling]:
    """One for each sink of the settings."""
    settings = services.settings
    terms = {"lease_s": settings.lease_s, "retry_base_s": settings.retry_base_s}
    return [Telling(services.database, sink, settings.worker_name, **terms) for sink in services.sinks]


def start_telling(services: Services, tellings: Iterable[Telling], stop: threading.Event) -> list[LastingThread]:
    """Begin, each in a thread of its own."""
    return [_thread(services, telling, stop).start() for telling in tellings]


def end_telling(services: Services, threads: Sequence[LastingThread]) -> None:
    """Wait a little for what is being told just now, after `stop`; another worker may go on from there at once."""
    for thread in threads:
        thread.join(_PATIENCE_S)
    if not threads:
        return
    try:
        give_up_leases(services.database, services.settings.worker_name)
    except DatabaseError as error:
        outlive("sinks", error)  # the leases end by themselves


def _thread(services: Services, telling: Telling, stop: threading.Event) -> LastingThread:
    settings, pulses = services.settings, services.pipeline.pulses
    thread = LastingThread(
        f"sink {telling.sink.name}",
        lambda: telling.turn(thread.pulse, stop),
        pulses=pulses,
        bound_s=settings.stuck_s,
        stop=stop,
        pause_s=_POLLS * settings.poll_s,
    )
    return thread
