"""Jobs/s of submitting, and how long urgent jobs wait behind a bulk, on SQLite and on PostgreSQL.

usage: python benchmarks/delivery.py [--database-url URL] [--jobs N] [--urgent N] [--workers N ...] [--json]

Submitting: N jobs of one tenant by the one call that `cladist submit` makes. Waiting: with all of them in the outbox,
imaginary workers take messages from the relay through a first-in-first-out broker, each always busy; an urgent job
comes at every third batch. Its wait is counted from its submission until the worker that took it begins with it, in
the time of one batch; nothing is counted by the clock. The database of a server is made for the run and dropped.
"""

import argparse
import json
import statistics
import time
from collections import deque
from collections.abc import Sequence
from itertools import count, cycle

from databases import fresh_database

from worker.cli.output import print_table
from worker.db.engine import Database
from worker.db.tables import BundleRow, ReleaseRow
from worker.dispatch.queues import Destination, Terms, set_queue
from worker.dispatch.relay import relay_once
from worker.jobs.claims import Claim, claim_jobs, held_claims
from worker.jobs.submission import Request, submit
from worker.jobs.transitions import mark_succeeded
from worker.settings import Settings

SUBMIT_COLUMNS = ("database", "jobs", "jobs/s")
WAIT_COLUMNS = (
    "database",
    "bulk",
    "workers",
    "urgent jobs",
    "p50 batches",
    "p95 batches",
    "most",
    "relay CPU ms a message",
)
URGENT = Destination("urgent", "moderation")
EVERY = 3  # batches from one urgent job to the next


def prepare(database: Database) -> None:
    """The tables, an active bundle that nobody will load, and two queues."""
    database.upgrade()
    with database.write() as session:
        now = session.now()
        session.add(ReleaseRow(id=1, release="0" * 64, taxonomy="{}", created_at=now))
        session.flush()
        session.add(BundleRow(model="none", folder="none", release_id=1, active=True, created_at=now))
    set_queue(database, URGENT.queue, Terms(priority=10))


def put(database: Database, number: int, destination: Destination) -> list[int]:
    """Submit so many jobs."""
    requests = (Request(f"file:///{destination.tenant}/{time.monotonic_ns()}-{n}.jpg") for n in range(number))
    return [job_id for ids in submit(database, requests, destination) for job_id in ids]


class Fleet:
    """Workers that take messages in turn, each holding the one it works on."""

    def __init__(self, database: Database, workers: int, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._messages: deque[list[int]] = deque()
        self._held: list[list[Claim]] = [[] for _ in range(workers)]
        self.message_count = 0
        self.relay_s = 0.0

    def publish(self) -> None:
        """Let the relay do what it can."""
        limits = {"message_size": self._settings.message_size, "ahead": self._settings.ahead}
        started = time.thread_time()
        relay_once(self._database, self._take, window=self._settings.window, **limits)
        self.relay_s += time.thread_time() - started

    def step(self, worker: int) -> list[int]:
        """One worker ends its message and begins with the next one; returns the jobs that it began."""
        if self._held[worker]:
            with self._database.write() as session:
                mark_succeeded(session, held_claims(session, self._held[worker]))
            self.publish()
        message = self._messages.popleft() if self._messages else []
        self._held[worker] = claim_jobs(self._database, message, f"worker-{worker}", 600.0) if message else []
        self.publish()
        return message

    def end(self) -> None:
        """Give nothing back, but end what is held and published."""
        while self._messages or any(self._held):
            for worker, held in enumerate(self._held):
                with self._database.write() as session:
                    mark_succeeded(session, held_claims(session, held) if held else [])
                message = self._messages.popleft() if self._messages else []
                self._held[worker] = claim_jobs(self._database, message, "last", 600.0) if message else []

    def _take(self, job_ids: Sequence[int]) -> None:
        self._messages.append(list(job_ids))
        self.message_count += 1


def urgent_waits(database: Database, workers: int, urgent: int, settings: Settings) -> tuple[list[float], float]:
    """(batches that each urgent job waited, milliseconds of CPU of the relay for each message)."""
    fleet = Fleet(database, workers, settings)
    fleet.publish()
    turns = cycle(range(workers))
    for _ in range(8 * workers):
        fleet.step(next(turns))
    came: dict[int, int] = {}
    waits: list[float] = []
    for tick in count():
        if tick % (EVERY * workers) == 0 and len(came) + len(waits) < urgent:
            came[put(database, 1, URGENT)[0]] = tick
            fleet.publish()
        begun = fleet.step(next(turns))
        waits += [(tick + 1 - came.pop(job_id)) / workers for job_id in begun if job_id in came]
        if len(waits) == urgent:
            break
    cost_ms = 1000 * fleet.relay_s / fleet.message_count
    fleet.end()
    return waits, cost_ms


def measure(name: str, url: str, options: argparse.Namespace) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Both measurements on one database."""
    database = Database(url)
    prepare(database)
    started = time.perf_counter()
    put(database, options.jobs, Destination(tenant="bulk"))
    submitted = {"database": name, "jobs": options.jobs, "jobs_per_s": options.jobs / (time.perf_counter() - started)}
    settings, waited = Settings(database_url=url), []
    for workers in options.workers:
        waits, cost_ms = urgent_waits(database, workers, options.urgent, settings)
        p50, p95 = statistics.median(waits), statistics.quantiles(waits, n=20)[-1]
        waited.append({"database": name, "bulk": options.jobs, "workers": workers, "urgent": len(waits), "p50": p50,
                       "p95": p95, "most": max(waits), "relay_cpu_ms_per_message": cost_ms})  # fmt: skip
    database.close()
    return submitted, waited


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url", help="A PostgreSQL server, to be measured beside SQLite.")
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--urgent", type=int, default=40)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    submitted, waited = [], []
    for name, server in (("SQLite", None), ("PostgreSQL", options.database_url)):
        if name == "SQLite" or server:
            with fresh_database(server) as url:
                first, second = measure(name, url, options)
            submitted.append(first)
            waited += second
    if options.json:
        print(json.dumps({"submitting": submitted, "waiting": waited}))
        return
    print_table("submitting", SUBMIT_COLUMNS, [list(row.values()) for row in submitted])
    print_table("urgent jobs behind a bulk", WAIT_COLUMNS, [list(row.values()) for row in waited])


if __name__ == "__main__":
    main()
