"""What people and hosts do to a world at work: cancel and retry, apply a release, upgrade at once, ask to wait."""

import multiprocessing
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Network
from pathlib import Path

import mortal
from scenarios import Place, while_working
from sqlalchemy import select
from world import Verdict, World

from taxonomy import Node, Taxonomy
from taxonomy.changes.mapping import NO_MAPPING
from worker.audit.activations import add_release
from worker.catalog.releases import find_release, stored_taxonomy
from worker.db.engine import Database
from worker.db.tables import JobRow
from worker.errors import InvalidMoveError
from worker.jobs.requests import cancel_job, retry_job
from worker.labels.relabelling.apply import apply_relabelling
from worker.states import Status

_ROUNDS = 20
_ASKED_S = 1
_DOWN_S = 1.5
_UPGRADES = 3
_LOOPBACK = (IPv4Network("127.0.0.1/32"),)
_fork = multiprocessing.get_context("fork")


def cancelled_and_retried(place: Place, times: int) -> Verdict:
    """Jobs are cancelled while they run, and tried again at once: the first run's answers are thrown away."""
    world = place.world()

    def fault() -> None:
        for _ in range(_ROUNDS):
            with world.database() as database:
                _cancel_and_retry(database)
            mortal.pause(random.uniform(0.01, 0.1))

    return while_working(world, times, fault)


def _cancel_and_retry(database: Database) -> None:
    with database.read() as tx:
        running = tx.scalars(select(JobRow.id).where(JobRow.status == Status.RUNNING)).all()
    for job_id in running:
        with suppress(InvalidMoveError):  # it has ended meanwhile
            cancel_job(database, job_id)
            retry_job(database, job_id)


def applied_beside_stores(place: Place, times: int) -> Verdict:
    """Another release is applied again and again while answers are stored: every asset has its labels in the last."""
    world = place.world()

    def fault() -> None:
        with world.database() as database:
            with database.write() as tx:
                old = find_release(tx, "default")
                before, old_id = stored_taxonomy(old), old.id
                grown = Taxonomy([*before, Node(f"root-{len(before)}", "Another root")])
                new_id = add_release(tx, grown, "default").id
            apply_relabelling(database, old_id, new_id, NO_MAPPING, batch=4)

    return while_working(world, times, fault)


def upgraded_at_once(place: Place, times: int) -> Verdict:
    """Three processes upgrade one database at the same moment, again and again; then work goes on in it."""
    world = place.world()
    recoveries = []
    for _ in range(times):
        with world.database() as database:
            database.downgrade()
        with mortal.forking:
            started = [_fork.Process(target=_upgrade, args=(world.direct_url,)) for _ in range(_UPGRADES)]
            for process in started:
                process.start()
        recoveries.append(world.wait(lambda: not any(p.is_alive() for p in started), "the upgrades"))  # noqa: B023 (used at once)
        if codes := {process.exitcode for process in started} - {0}:
            raise TimeoutError(f"upgrades ended with {codes}")
    world.activations = 0  # their records went with the tables
    world.prepare()
    ids = world.submit(_ROUNDS)
    world.finish()
    return world.verdict(ids, recoveries)


def _upgrade(url: str) -> None:
    database = Database(url)
    database.upgrade()
    database.close()


def sink_down(place: Place, times: int) -> Verdict:
    """The folder of the sink's file is away for a while: jobs go on, and later the file has all events."""
    world = place.world()
    folder, away = world.events.parent, world.folder / "away"

    def fault() -> None:
        folder.rename(away)
        before = world.succeeded()
        mortal.pause(_DOWN_S)
        world.wait(lambda: world.succeeded() > before, "work without the sink")
        away.rename(folder)

    return while_working(world, times, fault)


def asked_to_wait(place: Place, times: int) -> Verdict:
    """A host answers 429 for a while and asks for a second each time: no job that has one attempt dies of it."""
    world = place.world()
    is_busy = threading.Event()
    world.settings = world.settings.model_copy(update={"max_attempts": 1, "asset_networks": _LOOPBACK})

    def fault() -> None:
        is_busy.set()
        mortal.pause(1.5 * _ASKED_S)
        is_busy.clear()

    with _rationing(world, is_busy):
        return while_working(world, times, fault)


@contextmanager
def _rationing(world: World, is_busy: threading.Event) -> Iterator[None]:
    """Serve the world's images from a host that asks to wait while it is busy."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = b"" if is_busy.is_set() else (world.folder / Path(self.path).name).read_bytes()
            self.send_response(200 if content else 429)
            self.send_header("Content-Length", str(len(content)))
            if not content:
                self.send_header("Retry-After", str(_ASKED_S))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_given: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    world.base_uri = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
