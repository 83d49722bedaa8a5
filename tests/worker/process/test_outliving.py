"""Every thread of a worker outlives an error that nobody expected, and a database that became read-only."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fixture_types import MakeImages, Submitted
from free_port import free_port
from job_rows import all_jobs, statuses
from sqlalchemy import create_engine, make_url, text
from waiting import wait_until
from worker_process import worker_process

from worker.db.engine import Database
from worker.db.transaction import Transaction
from worker.jobs.claims import claim_jobs
from worker.jobs.queries import open_jobs
from worker.models.predictors import Predictors
from worker.pipeline.in_flight import InFlight, Item
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.watchdog import Watchdog
from worker.process.bootstrap import Services
from worker.process.celery_app import make_app
from worker.process.service import run_worker
from worker.process.tasks import register_tasks
from worker.supervision.pulses import Pulses
from worker.telemetry.metrics import REGISTRY


class Treacherous(Database):
    """A database that raises what nobody expects, once to each thread that asks it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.met: set[str] = set()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        self._betray()
        with super().read() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self._betray()
        with super().write() as tx:
            yield tx

    def _betray(self) -> None:
        name = threading.current_thread().name
        if name.startswith("cladist-") and name not in self.met:
            self.met.add(name)
            raise ZeroDivisionError(f"a bug in {name}")


def errors(thread: str) -> float:
    return (
        REGISTRY.get_sample_value("cladist_thread_errors_total", {"thread": thread, "error": "ZeroDivisionError"}) or 0
    )


THREADS = ("relay", "reaper", "audit", "retention", "drain", "monitor")


def test_every_thread_outlives_what_nobody_expected(
    services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """Each meets a bug once, as does the store; all is counted, and every job succeeds."""
    settings = services.settings.model_copy(update={"monitor_port": free_port(), "retention_days": 30.0})
    database = Treacherous(settings.database_url)
    pipeline = Pipeline(database, Predictors(database), settings, services.finished.set)
    app = make_app(settings)
    register_tasks(app, pipeline)
    before = {name: errors(name) for name in THREADS}
    submitted(make_images(5))
    run_worker(Services(settings, database, app, pipeline, services.finished), drain=True)
    database.close()
    assert {name: errors(name) - before[name] for name in THREADS} == dict.fromkeys(THREADS, 1)
    assert "cladist-store" in database.met
    assert statuses(services.database) == {"succeeded": 5}


def test_the_heartbeat_goes_on_after_what_nobody_expected(services: Services, submitted: Submitted) -> None:
    """The lease is extended by the beat after."""
    database = Treacherous(services.settings.database_url)
    in_flight = InFlight()
    in_flight.add(Item(claim) for claim in claim_jobs(database, submitted(["file:///a.png"]), "w", 1.0))
    settings = services.settings.model_copy(update={"lease_s": 1.0})
    first = all_jobs(services.database)[0].lease_until
    watchdog = Watchdog(database, in_flight, settings, Pulses())
    watchdog.start()
    wait_until(lambda: all_jobs(services.database)[0].lease_until != first, "a heartbeat")
    watchdog.stop()
    database.close()
    assert database.met == {"cladist-watchdog"}


@pytest.mark.service
@pytest.mark.parametrize("settings", ["servers"], indirect=True)
def test_a_failover_to_read_only_holds_no_job_up(
    services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """All sessions are ended and new ones are read-only, until the relay has met it: then every job succeeds."""
    url = make_url(services.settings.database_url).set(drivername="postgresql+psycopg")
    admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")

    def fail_over(*, read_only: bool) -> None:
        word = "on" if read_only else "off"
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
        with admin.connect() as connection:
            connection.execute(text(f'ALTER DATABASE "{url.database}" SET default_transaction_read_only = {word}'))
            connection.execute(text(ended), {"name": url.database})

    submitted(make_images(40) * 5)
    with worker_process(services.settings) as process:
        wait_until(lambda: statuses(services.database)["succeeded"] > 0, "the first success")
        fail_over(read_only=True)
        lines = iter(process.stderr or ())
        wait_until(lambda: "read-only transaction" in next(lines), "the worker to meet it")
        fail_over(read_only=False)
        threading.Thread(target=list, args=(lines,), daemon=True).start()  # a full pipe would hold the worker up
        wait_until(lambda: not _open(services.database), "every job to end")
        assert process.poll() is None
    admin.dispose()
    assert statuses(services.database) == {"succeeded": 200}


def _open(database: Database) -> bool:
    return bool(open_jobs(database))
