"""The faults: each takes a world with jobs in it, does its worst, and says how long it took to recover each time."""

import json
import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mortal
from mortal import Hook
from servers import PostgresServer, RedisServer
from sqlalchemy import create_engine, make_url, text
from world import LEASE_S, Verdict, World

Scenario = Callable[["Place", int], Verdict]
_JOBS_PER_ROUND = 24
FAULT_S = 1.5
_FAILOVER_S = 8.0
_FROZEN_S = 20.0  # the relay's transaction is ended by the server after 15


@dataclass
class Place:
    """Where a scenario is played: a folder, and servers of its own or the embedded default."""

    folder: Path
    postgres: PostgresServer | None = None
    redis: RedisServer | None = None

    def world(self, database_port: int | None = None, broker_port: int | None = None) -> World:
        """A fresh database, perhaps behind proxies; its workers use those, our questions do not."""
        if self.postgres is None or self.redis is None:
            return _prepared(World(self.folder, f"sqlite:///{self.folder}/cladist.db", "memory://localhost/"))
        self.redis.client().flushall()
        name = f"chaos_{random.randrange(10**12)}"
        server = make_url(self.postgres.url).set(drivername="postgresql+psycopg")
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        direct = server.set(database=name)
        world = World(self.folder, direct.render_as_string(hide_password=False), self.redis.url)
        _prepared(world)
        given = direct.set(port=database_port or self.postgres.port).render_as_string(hide_password=False)
        broker = f"redis://127.0.0.1:{broker_port or self.redis.port}/0"
        world.settings = world.settings.model_copy(update={"database_url": given, "broker_url": broker})
        return world


def _prepared(world: World) -> World:
    world.prepare()
    return world


def killed(make_hook: Callable[[], Hook]) -> Scenario:
    """kill -9 at a point, again and again; after each, how long until nothing is held by the dead any more."""

    def play(place: Place, times: int) -> Verdict:
        world = place.world()
        ids: list[int] = []
        recoveries = []
        for _ in range(times):
            ids += world.submit(_JOBS_PER_ROUND)
            with world.worker(make_hook()) as process:
                world.activate()  # beside the worker, so that there is something to link
                process.join(20 * LEASE_S)
                if process.is_alive():
                    raise TimeoutError("the worker did not come to the point where it was to die")
            pid = process.pid or 0
            with world.worker():
                recoveries.append(world.wait_for_leases_of(pid))
        world.finish()
        return world.verdict(ids, recoveries)

    return play


def while_working(world: World, times: int, fault: Callable[[], None], *hooks: Hook) -> Verdict:
    """A fault again and again under load; recovered is when jobs succeed again after it has passed."""
    ids: list[int] = []
    recoveries = []
    with world.kept_alive(*hooks):
        for _ in range(times):
            ids += world.submit(5 * _JOBS_PER_ROUND)
            begun = world.succeeded()
            world.wait(lambda: world.succeeded() > begun, "work before the fault")  # noqa: B023 (used at once)
            fault()
            before = world.succeeded()
            ids += world.submit(_JOBS_PER_ROUND)
            recoveries.append(world.wait(lambda: world.succeeded() > before, "work after the fault"))  # noqa: B023
    world.finish()
    return world.verdict(ids, recoveries)


def redis_restarted(*, persistent: bool) -> Scenario:
    def play(place: Place, times: int) -> Verdict:
        server = redis_of(place)
        server.stop()
        server.persistent = persistent
        server.start()

        def fault() -> None:
            server.stop(signal.SIGKILL)
            mortal.pause(FAULT_S)
            server.start()

        return while_working(place.world(), times, fault)

    return play


def redis_flushed(place: Place, times: int) -> Verdict:
    """FLUSHALL."""

    def fault() -> None:
        redis_of(place).client().flushall()

    return while_working(place.world(), times, fault)


def redis_full(place: Place, times: int) -> Verdict:
    """maxmemory reached: every write is refused for a while."""

    def fault() -> None:
        client = redis_of(place).client()
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        mortal.pause(FAULT_S)
        client.config_set("maxmemory", 0)

    return while_working(place.world(), times, fault)


def postgres_restarted(how: signal.Signals) -> Scenario:
    def play(place: Place, times: int) -> Verdict:
        server = postgres_of(place)

        def fault() -> None:
            server.stop(how)
            mortal.pause(FAULT_S)
            server.start()

        return while_working(place.world(), times, fault)

    return play


def postgres_cut_off(place: Place, times: int) -> Verdict:
    """Every connection ended by the server, transactions at work included."""
    world = place.world()
    admin = create_engine(make_url(world.direct_url), isolation_level="AUTOCOMMIT")
    ended = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def fault() -> None:
        for _ in range(20):
            with admin.connect() as connection:
                connection.execute(ended)
            mortal.pause(random.uniform(0.01, 0.1))
        admin.dispose()

    return while_working(world, times, fault)


def postgres_read_only(place: Place, times: int) -> Verdict:
    """As in a failover: for a while every transaction is read-only, those of open connections too."""
    world = place.world()
    admin = create_engine(make_url(world.direct_url), isolation_level="AUTOCOMMIT")

    def turn(word: str) -> None:
        with mortal.forking, admin.connect() as connection:
            connection.execute(text("SET default_transaction_read_only = off"))
            connection.execute(text(f"ALTER SYSTEM SET default_transaction_read_only = {word}"))
            connection.execute(text("SELECT pg_reload_conf()"))
        admin.dispose()

    def fault() -> None:
        turn("on")
        mortal.pause(_FAILOVER_S)
        turn("off")

    return while_working(world, times, fault)


def relay_frozen(place: Place, times: int) -> Verdict:
    """A worker stopped inside its relay's transaction for longer than the server lets it, and then let go on."""
    world = place.world()
    ids: list[int] = []
    recoveries = []
    for _ in range(times):
        ids += world.submit(_JOBS_PER_ROUND)
        with world.worker(mortal.frozen_while_publishing()) as process:
            pid = process.pid or 0
            world.wait(lambda: mortal.is_stopped(pid), "the relay to freeze")  # noqa: B023 (used at once)
            mortal.pause(_FROZEN_S)
            before = world.succeeded()
            os.kill(pid, signal.SIGCONT)
            recoveries.append(world.wait(lambda: world.succeeded() > before, "work after the frost"))  # noqa: B023
            world.wait(lambda: not world.open_jobs(), "the last job")
            world.restarts += not process.is_alive()
    world.finish()
    return world.verdict(ids, recoveries)


def redis_demoted(place: Place, times: int) -> Verdict:
    """A replica for a while, of a master that cannot be reached: every write is refused."""

    def fault() -> None:
        client = redis_of(place).client()
        client.slaveof("127.0.0.1", 1)
        mortal.pause(FAULT_S)
        client.slaveof()

    return while_working(place.world(), times, fault)


def unreadable_messages(place: Place, times: int) -> Verdict:
    """Messages that nobody can read, before and among the others."""
    world = place.world()
    good = {"task": "cladist.run_jobs", "id": "x"}
    properties = {"delivery_tag": "t", "body_encoding": "base64", "delivery_info": {"exchange": "", "routing_key": "q"}}
    whole = {"body": "NQ==", "content-type": "application/json", "content-encoding": "utf-8", "headers": good}
    hostile = [
        b"5",
        b"null",
        b"{",
        b"\xff",
        *(
            json.dumps({**whole, "properties": properties, **changes}).encode()
            for changes in (
                {},
                {"body": "!"},
                {"body": "A" * 1_000_000},
                {"properties": None},
                {"content-type": "application/x-none"},
                {"content-encoding": "none"},
                {"headers": {**good, "id": [1]}},
                {"headers": {**good, "task": "none"}},
            )
        ),
    ]

    def fault() -> None:
        redis_of(place).client().rpush(world.settings.queue, *hostile)

    found = while_working(world, times, fault)
    found.lost += found.restarts  # none of them may end a worker
    return found


def disk_full(place: Place, times: int) -> Verdict:
    """SQLite cannot grow for a while."""
    world = place.world()
    is_full = multiprocessing.RawValue("b", 0)

    def used_bytes() -> int:
        return (place.folder / "cladist.db").stat().st_size

    def fault() -> None:
        is_full.value = 1
        mortal.pause(FAULT_S)
        is_full.value = 0

    return while_working(world, times, fault, mortal.full_disk(is_full, used_bytes))


def clock_stepped(by_s: float) -> Scenario:
    """The database's clock is set while a worker holds leases, which then dies; back or forth."""

    def play(place: Place, times: int) -> Verdict:
        world = place.world()
        offset = multiprocessing.RawValue("d", 0.0)
        ids: list[int] = []
        recoveries = []
        for number in range(times):
            ids += world.submit(_JOBS_PER_ROUND)
            with world.worker(mortal.stepped_clock(offset), mortal.at_any_moment(1.0)) as process:
                process.join(20 * LEASE_S)
            offset.value = by_s * (number % 2 == 0)
            ids += world.submit(_JOBS_PER_ROUND)
            pid = process.pid or 0
            with world.worker(mortal.stepped_clock(offset)):
                recoveries.append(world.wait_for_leases_of(pid))
        world.finish()
        return world.verdict(ids, recoveries)

    return play


def redis_of(place: Place) -> RedisServer:
    """The Redis of a place that has one."""
    assert place.redis is not None
    return place.redis


def postgres_of(place: Place) -> PostgresServer:
    """The PostgreSQL of a place that has one."""
    assert place.postgres is not None
    return place.postgres


@contextmanager
def servers(folder: Path) -> Iterator[Place]:
    """PostgreSQL and Redis of one scenario's own."""
    postgres, redis = PostgresServer(), RedisServer()
    try:
        postgres.start()
        redis.start()
        yield Place(folder, postgres, redis)
    finally:
        redis.close()
        postgres.close()


@contextmanager
def embedded(folder: Path) -> Iterator[Place]:
    """SQLite and the in-process broker."""
    yield Place(folder)
