"""Each sink is told every event, in order and at least once, by one worker at a time, and none waits for another."""

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest
from fake_sinks import ListSink, StuckSink
from sqlalchemy import update
from waiting import wait_until

from worker.db.engine import Database
from worker.db.tables import SinkRow
from worker.errors import LookupFailedError
from worker.events.outbox import Event, record_events
from worker.sinks.cursors import (
    advance,
    fail,
    find_sink,
    forget_sink,
    give_up_leases,
    list_sinks,
    read_lags,
    register,
    take_lease,
)
from worker.sinks.protocol import Delivery, Sink
from worker.sinks.telling import Telling
from worker.states import EventKind
from worker.supervision.lasting import ENDED
from worker.supervision.pulses import Pulse
from worker.telemetry.metrics import REGISTRY

LEASE_S = 60.0
ON_SERVERS = pytest.mark.parametrize("settings", [pytest.param("servers", marks=pytest.mark.service)], indirect=True)


def write(database: Database, count: int = 1) -> None:
    with database.write() as tx:
        record_events(tx, [Event(EventKind.BATCH_FINISHED, 1) for _ in range(count)])


def telling(
    database: Database, sink: Sink, owner: str = "one", *, lease_s: float = LEASE_S, retry_base_s: float = 0.0
) -> Telling:
    return Telling(database, sink, owner, lease_s=lease_s, retry_base_s=retry_base_s)


def turn(told: Telling, stop: threading.Event | None = None) -> object:
    return told.turn(Pulse("test", 1.0), stop or threading.Event())


def row(database: Database, sink: str = "list") -> SinkRow:
    with database.read() as tx:
        found = find_sink(tx, sink)
        tx.expunge(found)
        return found


@contextmanager
def in_thread(told: Telling, stop: threading.Event | None = None) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=turn, args=(told, stop))
    thread.start()
    yield thread
    thread.join()


def test_a_sink_is_told_everything_in_order(database: Database) -> None:
    """A new one what is kept, page by page; then what is new, and nothing twice."""
    sink = ListSink()
    one = telling(database, sink)
    write(database, 450)
    turn(one)
    assert sink.ids == list(range(1, 451))
    write(database, 3)
    turn(one)
    turn(one)
    assert sink.ids == list(range(1, 454))


def test_workers_take_turns(database: Database) -> None:
    """Who holds the lease delivers; when it is given up another goes on behind the same cursor."""
    sink = ListSink()
    one, other = telling(database, sink, "one"), telling(database, sink, "other")
    write(database, 3)
    turn(one)
    write(database, 3)
    turn(other)
    assert sink.ids == [1, 2, 3]
    give_up_leases(database, "one")
    turn(other)
    assert sink.ids == [1, 2, 3, 4, 5, 6]


def test_one_worker_delivers_at_a_time(database: Database) -> None:
    """While one stands in the sink, another passes it over, and has other sinks to tell."""
    stuck, well = StuckSink(), ListSink()
    write(database, 3)
    with in_thread(telling(database, stuck)):
        assert stuck.is_entered.wait(60)
        second = ListSink("stuck")
        turn(telling(database, second, "other"))
        turn(telling(database, well, "other"))
        assert (second.ids, well.ids) == ([], [1, 2, 3])
        stuck.go_on.set()
    assert stuck.ids == [1, 2, 3]


def test_a_lease_that_ended_goes_to_another(database: Database) -> None:
    """What the first is still telling comes twice; the cursor is that of the second, and nothing is passed over."""
    stuck, second = StuckSink(), ListSink("stuck")
    write(database, 3)
    with in_thread(telling(database, stuck)):
        assert stuck.is_entered.wait(60)
        with database.write() as tx:
            tx.execute(update(SinkRow).values(lease_until=tx.now() - timedelta(seconds=1)))
        turn(telling(database, second, "other"))
        write(database, 2)
        stuck.go_on.set()
    assert stuck.ids == second.ids == [1, 2, 3]
    assert (row(database, "stuck").cursor, row(database, "stuck").owner) == (3, "other")
    turn(telling(database, second, "other"))
    assert second.ids == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("ahead_s", [3600, -3600])
def test_a_clock_that_was_set_holds_nothing_up(database: Database, ahead_s: float) -> None:
    """A lease and a wait that lie an hour off: neither is waited for."""
    sink = ListSink()
    with database.write() as tx:
        register(tx, "list")
        off = tx.now() + timedelta(seconds=ahead_s)
        tx.execute(update(SinkRow).values(owner="gone", lease_until=off, retry_at=off))
    write(database)
    turn(telling(database, sink, lease_s=2.0))
    assert sink.ids == [1]


def test_a_sink_that_is_down_loses_nothing_and_delays_nobody(database: Database) -> None:
    """It is asked again after a wait; what it says is kept without passwords, and counted."""
    down, well = ListSink(f"down-{uuid.uuid4()}"), ListSink()
    down.is_down = True
    ill, other = telling(database, down, retry_base_s=1000.0), telling(database, well)
    write(database, 250)
    for _ in range(3):
        turn(ill)
        turn(other)
    assert len(well.ids) == 250
    failed = row(database, down.name)
    assert (failed.failures, failed.cursor, failed.owner) == (1, 0, None)
    assert failed.message == "ConnectionError: no route to redis://user:***@host/0"
    assert REGISTRY.get_sample_value("cladist_sink_failures_total", {"sink": down.name}) == 1
    assert not ill.is_behind()
    down.is_down = False
    with database.write() as tx:
        tx.execute(update(SinkRow).values(retry_at=None))
    turn(ill)
    assert down.ids == list(range(1, 251))
    well_again = row(database, down.name)
    assert (well_again.failures, well_again.message, well_again.retry_at) == (0, None, None)
    assert REGISTRY.get_sample_value("cladist_events_delivered_total", {"sink": down.name}) == 250


def test_failures_are_counted_until_one_goes_well(database: Database) -> None:
    """And a page that fails comes again whole; the pages before it do not."""
    sink = ListSink()

    class Moody(ListSink):
        def deliver(self, events: Sequence[Delivery]) -> None:
            if events[0].id > 200 and len(failures) < 3:
                failures.append(events[0].id)
                raise OSError("not now")
            sink.deliver(events)

    failures: list[int] = []
    write(database, 300)
    moody = telling(database, Moody())
    counts = []
    for _ in range(4):
        turn(moody)
        counts.append(row(database).failures)
    assert counts == [1, 2, 3, 0]
    assert failures == [201] * 3
    assert sink.ids == list(range(1, 301))


def test_a_worker_that_stops_ends_between_pages(database: Database) -> None:
    stop = threading.Event()
    sink = StuckSink()
    write(database, 300)
    with in_thread(telling(database, sink), stop):
        assert sink.is_entered.wait(60)
        stop.set()
        sink.go_on.set()
    assert sink.ids == list(range(1, 201))
    assert row(database, "stuck").cursor == 200


def test_the_pulse_rests_while_a_sink_takes_its_time(database: Database) -> None:
    """A slow sink makes no worker look broken."""
    now = [0.0]
    pulse = Pulse("sink", 10.0, lambda: now[0])
    sink = StuckSink()
    write(database)
    thread = threading.Thread(target=telling(database, sink).turn, args=(pulse, threading.Event()))
    thread.start()
    assert sink.is_entered.wait(60)
    now[0] = 1000.0
    assert pulse.fault() is None
    sink.go_on.set()
    thread.join()


def test_a_forgotten_sink_is_told_no_more(database: Database) -> None:
    """Until a worker starts with it; then it is told what is kept."""
    sink = ListSink()
    one = telling(database, sink)
    write(database, 2)
    turn(one)
    forget_sink(database, "list")
    write(database)
    assert turn(one) is ENDED
    assert sink.ids == [1, 2]
    with pytest.raises(LookupFailedError, match="no sink is known as 'list'"):
        forget_sink(database, "list")
    turn(telling(database, sink))
    assert sink.ids == [1, 2, 1, 2, 3]


@ON_SERVERS
def test_no_event_of_a_late_commit_is_passed_over(database: Database) -> None:
    """A transaction that was there first and commits last: its event is told, and in its place."""
    sink = ListSink()
    one = telling(database, sink)
    write(database)
    turn(one)
    with database.write() as tx:
        record_events(tx, [Event(EventKind.BATCH_FINISHED, 1)])
        write(database, 3)
        turn(one)
        assert sink.ids == [1]
    turn(one)
    assert sink.ids == [1, 2, 3, 4, 5]


def test_many_workers_tell_each_event_once(database: Database) -> None:
    """As none of them dies or stands still: in order, while events are written."""
    sinks = [ListSink("first"), ListSink("second")]
    stop = threading.Event()

    def work(owner: str) -> None:
        mine = [telling(database, sink, owner) for sink in sinks]
        while not stop.is_set():
            for told in mine:
                turn(told)
            give_up_leases(database, owner)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        write(database, 7)
    wait_until(lambda: all(len(sink.ids) >= 210 for sink in sinks), "every event")
    stop.set()
    for thread in threads:
        thread.join()
    for sink in sinks:
        assert len(set(sink.ids)) == 210
        assert sink.ids == sorted(sink.ids)


def test_what_waits_for_a_sink_is_told_to_people(database: Database) -> None:
    """How much, for how long, and since when it is ill."""
    with database.write() as tx:
        register(tx, "list")
        lease = take_lease(tx, "list", "one", LEASE_S)
        assert lease is not None
        past = tx.now() - timedelta(seconds=100)
        record_events(tx, [Event(EventKind.BATCH_FINISHED, 1)] * 5, past)
    with database.write() as tx:
        lease = advance(tx, lease, 2, LEASE_S)
        assert lease is not None
        fail(tx, lease, "OSError: full", 10.0)
    with database.read() as tx:
        (shown,) = list_sinks(tx)
        assert 100 <= shown.pop("lag_s") < 200
        assert 100 <= read_lags(tx)["list"] < 200
    assert shown.pop("delivered_at")
    assert shown.pop("retry_at")
    assert shown == {
        "sink": "list", "cursor": 2, "waiting": 3, "failures": 1, "message": "OSError: full", "worker": None,
    }  # fmt: skip
