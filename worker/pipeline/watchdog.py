"""The watchdog: it extends the leases of what is in flight, and ends a process in which a job stands still."""

import logging
import os
import threading
from collections.abc import Sequence
from typing import NoReturn

from worker.db.engine import Database
from worker.db.transaction import Transaction
from worker.jobs.claims import Claim, extend_leases, held_claims
from worker.jobs.transitions import give_back, try_again
from worker.pipeline.in_flight import InFlight, Item
from worker.settings import Settings
from worker.states import Code
from worker.supervision.lasting import EXIT_BROKEN, LastingThread
from worker.supervision.pulses import Pulses
from worker.telemetry.redaction import redacted_uri

log = logging.getLogger("cladist.pipeline")

EXIT_STUCK = EXIT_BROKEN
_BEATS_PER_LEASE = 3
_LOOKS_PER_LIMIT = 4
_NAMED = 5  # stuck jobs that the log names
_LAST_WORDS_S = 5.0  # for giving back what is in flight before the process ends itself


class Watchdog:
    """A thread beside the pipeline; a missed beat is made up by the next."""

    def __init__(self, database: Database, in_flight: InFlight, settings: Settings, pulses: Pulses) -> None:
        self._database = database
        self._in_flight = in_flight
        self._settings = settings
        self._stop = threading.Event()
        pause_s = min(settings.lease_s / _BEATS_PER_LEASE, settings.stuck_s / _LOOKS_PER_LIMIT)
        bound_s = settings.stuck_s
        self._thread = LastingThread(
            "watchdog", self._look, pulses=pulses, bound_s=bound_s, stop=self._stop, pause_s=pause_s
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        settings = self._settings
        stuck = self._in_flight.stuck(settings.stuck_s)
        if stuck:
            give_up(self._database, self._in_flight, stuck, settings, f"stood still for {settings.stuck_s:g} s")
        claims = [item.claim for item in self._in_flight.items()]
        if claims:
            extend_leases(self._database, claims, settings.lease_s)


def give_up(database: Database, in_flight: InFlight, stuck: Sequence[Item], settings: Settings, why: str) -> NoReturn:
    """End this process now: the stuck jobs are charged and will run alone, all others are given back untried.

    Threads cannot be stopped, so the process must be. When the database does not answer, the leases end by themselves.
    """
    last = threading.Timer(_LAST_WORDS_S, os._exit, (EXIT_STUCK,))
    last.daemon = True
    last.start()
    try:
        _give_back_all(database, in_flight, stuck, settings, why)
    except Exception as error:  # noqa: BLE001 (whatever it is, the leases end by themselves)
        log.warning("nothing could be given back: %s", error)
    finally:
        os._exit(EXIT_STUCK)


def _give_back_all(
    database: Database, in_flight: InFlight, stuck: Sequence[Item], settings: Settings, why: str
) -> None:
    for item in stuck[:_NAMED]:
        log.critical("job %d, %s: %s in stage %s", item.claim.job_id, redacted_uri(item.claim.uri), why, item.stage)
    items = in_flight.items()
    log.critical("%s: this worker ends itself, with %d jobs in flight", why, len(items))
    blamed = {item.claim.job_id for item in stuck}
    with database.write() as tx:
        held = held_claims(tx, [item.claim for item in items])
        _blame(tx, [claim for claim in held if claim.job_id in blamed], settings, why)
        give_back(tx, [claim for claim in held if claim.job_id not in blamed])


def _blame(tx: Transaction, claims: Sequence[Claim], settings: Settings, why: str) -> None:
    attempts, wait_s = settings.max_attempts, settings.retry_base_s
    try_again(tx, claims, why, max_attempts=attempts, wait_s=wait_s, code=Code.WORKER_LOST)
