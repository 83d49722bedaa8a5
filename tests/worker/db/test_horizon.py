"""No reader of a table that is only appended to passes over what commits late."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from worker.db.engine import Database
from worker.db.statements.horizon import Horizon
from worker.db.tables import EventRow
from worker.db.transaction import Transaction
from worker.events.outbox import Event, events_between, record_events
from worker.states import EventKind

ON_SERVERS = pytest.mark.parametrize("settings", [pytest.param("servers", marks=pytest.mark.service)], indirect=True)
EVENT = Event(EventKind.JOB_SUCCEEDED, 1, 1)


def write(database: Database, count: int = 1) -> None:
    with database.write() as tx:
        record_events(tx, [EVENT] * count)


def safe(database: Database, horizon: Horizon) -> int:
    with database.read() as tx:
        return horizon.safe_id(tx)


@contextmanager
def held_open(database: Database) -> Iterator[Transaction]:
    """A transaction that has written an event, and commits when the block ends."""
    with database.write() as tx:
        record_events(tx, [EVENT])
        yield tx


def test_what_is_committed_is_safe_at_once(database: Database) -> None:
    horizon = Horizon(EventRow)
    assert safe(database, horizon) == 0
    write(database, 3)
    assert safe(database, horizon) == 3


@ON_SERVERS
def test_a_late_commit_is_waited_for(database: Database) -> None:
    """Events with larger ids are visible already; then all are, and none was passed over."""
    horizon = Horizon(EventRow)
    write(database)
    with held_open(database):
        write(database, 3)
        assert [safe(database, horizon) for _ in range(3)] == [0, 0, 0]
    assert safe(database, horizon) == 5


@ON_SERVERS
def test_a_late_commit_of_the_newest_transaction_is_waited_for(database: Database) -> None:
    """The writer of the first id is younger than that of the second: no snapshot taken now says that it runs."""
    horizon = Horizon(EventRow)
    assign = text("SELECT pg_current_xact_id()::text::bigint")
    with database.write() as younger:
        with database.write() as older:
            assert older.scalar(assign) < younger.scalar(assign)
            record_events(younger, [EVENT])
            record_events(older, [EVENT])
        beyond = text(
            "SELECT pg_current_xact_id()::text::bigint >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        )
        assert younger.scalar(beyond)
        assert safe(database, horizon) == 0
    assert safe(database, horizon) == 2


@ON_SERVERS
def test_writers_without_end_do_not_hold_it_back(database: Database) -> None:
    """There is always somebody writing, yet each ends: the horizon follows them."""
    horizon = Horizon(EventRow)
    first = database.write()
    tx = first.__enter__()
    record_events(tx, [EVENT])
    seen = []
    for _ in range(10):
        following = database.write()
        record_events(following.__enter__(), [EVENT])
        seen.append(safe(database, horizon))
        first.__exit__(None, None, None)
        first = following
    first.__exit__(None, None, None)
    assert seen == sorted(seen)
    assert seen[-1] >= 6
    assert safe(database, horizon) == 11


@ON_SERVERS
def test_only_writers_of_the_table_count(database: Database) -> None:
    """A transaction that writes elsewhere, for however long, holds nothing back; nor does one that read the table."""
    horizon = Horizon(EventRow)
    with database.write() as tx:
        tx.execute(text("INSERT INTO tenants (name) VALUES ('another')"))
        events_between(tx, 0, 10, 10)
        write(database)
        assert safe(database, horizon) == 1


@ON_SERVERS
def test_what_is_rolled_back_is_not_waited_for_again(database: Database) -> None:
    horizon = Horizon(EventRow)
    with held_open(database) as tx:
        write(database)
        assert safe(database, horizon) == 0
        tx.rollback()
    assert safe(database, horizon) == 2


def test_a_reader_beside_many_writers_sees_every_event(database: Database) -> None:
    """It reads on from where it was, up to the horizon, while transactions commit in any order."""
    stop, seen = threading.Event(), list[int]()
    horizon = Horizon(EventRow)

    def read() -> None:
        cursor = 0
        while True:
            is_last = stop.wait(0.005)
            with database.read() as tx:
                up_to = horizon.safe_id(tx)
                found = [event.id for event in events_between(tx, cursor, up_to, 10_000)]
            seen.extend(found)
            cursor = up_to
            if is_last:
                return

    def busy() -> None:
        for _ in range(10):
            with database.write() as tx:
                record_events(tx, [EVENT] * random.randint(1, 3))
                tx.execute(text("SELECT 1")) if tx.is_sqlite else tx.execute(text("SELECT pg_sleep(random() / 100)"))

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=busy) for _ in range(4)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    with database.read() as tx:
        assert seen == [event.id for event in events_between(tx, 0, 10_000, 10_000)]
