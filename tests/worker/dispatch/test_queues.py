"""Queues and tenants: who is published when."""

import re
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest
from fake_broker import Broker, relay, run
from plans import explained
from sqlalchemy import select, text, update

from worker.db.engine import Database
from worker.db.tables import QueueRow, TenantRow
from worker.db.transaction import Transaction
from worker.dispatch.queues import Destination, Terms, find_queue, list_queues, pause_queue, set_queue
from worker.dispatch.relay import relay_once
from worker.errors import LookupFailedError, SubmissionError
from worker.jobs.submission import Request, submit

pytestmark = pytest.mark.usefixtures("bundle")


def put(database: Database, count: int, queue: str = "default", tenant: str = "default") -> list[int]:
    requests = (Request(f"file:///{tenant}/{number}.png") for number in range(count))
    return [job_id for ids in submit(database, requests, Destination(queue, tenant)) for job_id in ids]


def owners(database: Database, job_ids: list[int]) -> list[str]:
    """The tenants of jobs, in the order of the ids given."""
    with database.read() as session:
        found = session.execute(text("SELECT j.id, t.name FROM jobs j JOIN tenants t ON t.id = j.tenant_id"))
        names = {row.id: row.name for row in found}
    return [names[job_id] for job_id in job_ids]


@pytest.fixture
def broker() -> Broker:
    """An empty broker in memory."""
    return Broker()


def test_the_highest_priority_goes_first_in_messages_of_its_own(database: Database, broker: Broker) -> None:
    """An urgent job does not wait for the bulk that was there before it, nor share its message."""
    set_queue(database, "urgent", Terms(priority=10))
    bulk = put(database, 20)
    urgent = put(database, 2, "urgent")
    assert relay(database, broker, window=10) == 10
    assert list(broker.messages) == [urgent, bulk[:8]]


def test_an_urgent_job_waits_for_two_batches_at_most(database: Database, broker: Broker) -> None:
    """One worker under a bulk of 300: from its submission to its end an urgent job sees no more than two batches end,
    its own not counted."""
    set_queue(database, "urgent", Terms(priority=10))
    put(database, 300)
    random, waits = Random(0), []
    while relay(database, broker, ahead=2, window=4096) or broker.messages:
        if not broker.messages:
            continue
        urgent = put(database, 1, "urgent") if random.random() < 0.5 else []
        waited = 0
        while urgent:
            message = broker.messages.popleft()
            run(database, message)
            if urgent[0] in message:
                break
            waited += 1
            relay(database, broker, ahead=2, window=4096)
        else:
            run(database, broker.messages.popleft())
        waits += [waited] if urgent else []
    assert len(waits) > 10
    assert max(waits) <= 2


def test_what_is_in_flight_follows_the_workers(database: Database, broker: Broker) -> None:
    """Two messages for each worker that has work: more workers get more, and the window bounds them all."""
    put(database, 100)
    assert relay(database, broker, ahead=2, window=40) == 16
    assert relay(database, broker, ahead=2, window=40) == 0
    claim = text("UPDATE jobs SET status = 'running', worker = 'w' || (id % 2) WHERE published_at IS NOT NULL")
    with database.write() as session:
        session.execute(claim)
    assert relay(database, broker, ahead=2, window=40) == 16
    with database.write() as session:
        session.execute(text("UPDATE jobs SET status = 'running', worker = 'x' || id WHERE published_at IS NOT NULL"))
    assert relay(database, broker, ahead=2, window=40) == 8


def test_tenants_take_turns(database: Database, broker: Broker) -> None:
    """However much one of them has waiting, and in the order of submission for each."""
    large, small, last = put(database, 50, tenant="large"), put(database, 3, tenant="small"), put(database, 9)
    relay(database, broker, 3, window=9)
    ids = broker.published()
    assert Counter(owners(database, ids)) == {"large": 3, "small": 3, "default": 3}
    assert [job_id for job_id in ids if job_id in large] == large[:3]
    run(database, ids)
    relay(database, broker, 3, window=9)
    ids = broker.published()
    assert Counter(owners(database, ids)) == {"default": 5, "large": 4}
    assert set(small).isdisjoint(ids)
    assert [job_id for job_id in ids if job_id in last] == last[3:8]


def test_turns_go_on_where_they_ended(database: Database, broker: Broker) -> None:
    """One job at a time: every tenant is served once before any is served twice."""
    for name in "abcde":
        put(database, 3, tenant=name)
    order = []
    while relay(database, broker, window=1):
        ids = broker.published()
        order += owners(database, ids)
        run(database, ids)
    assert order == list("abcde") * 3


def test_queues_of_one_priority_share_by_weight(database: Database, broker: Broker) -> None:
    """Over many rounds 3 to 1; and when one of them is empty the other gets all."""
    set_queue(database, "heavy", Terms(weight=3))
    put(database, 90, "heavy", "h"), put(database, 90, tenant="l")
    got: Counter[str] = Counter()
    for _ in range(10):
        relay(database, broker, window=8)
        ids = broker.published()
        got.update(owners(database, ids))
        run(database, ids)
    assert got == {"h": 60, "l": 20}
    while relay(database, broker, window=8):
        ids = broker.published()
        got.update(owners(database, ids))
        run(database, ids)
    assert got == {"h": 90, "l": 90}


def test_a_queue_gains_little_by_having_been_empty(database: Database, broker: Broker) -> None:
    """After 400 jobs of one queue the other does not get the next 400, but a credit and then its half."""
    set_queue(database, "other", Terms())
    put(database, 600, tenant="old")
    for _ in range(4):
        relay(database, broker, window=100)
        run(database, broker.published())
    put(database, 200, "other", "new")
    relay(database, broker, window=100)
    got = Counter(owners(database, broker.published()))
    assert got["new"] > got["old"] >= 15


def test_a_paused_queue_publishes_nothing_until_it_is_resumed(database: Database, broker: Broker) -> None:
    """The others go on, and so does what was published before."""
    set_queue(database, "slow", Terms(priority=1))
    first = put(database, 2, "slow")
    relay(database, broker)
    assert pause_queue(database, "slow", paused=True)["paused"]
    later, others = put(database, 2, "slow"), put(database, 2)
    run(database, first)
    relay(database, broker)
    assert broker.published() == [*first, *others]
    assert relay(database, broker) == 0
    assert not pause_queue(database, "slow", paused=False)["paused"]
    relay(database, broker)
    assert broker.published() == later


def test_a_rate_holds_over_all_relays(database: Database, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket is in the database: a second relay finds it as the first left it, until time has passed."""
    with database.read() as session:
        begin = session.now()
    passed_s = [0.0]
    monkeypatch.setattr(Transaction, "now", lambda _tx: begin + timedelta(seconds=passed_s[0]))
    set_queue(database, "default", Terms(rate_per_s=5))
    put(database, 30)
    assert relay(database, broker) == 5
    assert relay(database, Broker()) == 0
    for later_s, published in ((0.1, 0), (0.5, 2), (0.61, 1), (3600.0, 5), (3600.1, 0)):
        passed_s[0] = later_s
        assert relay(database, broker) == published
    set_queue(database, "default", Terms(rate_per_s=0))
    assert relay(database, broker) == 17


def test_a_clock_that_is_set_back_stops_no_queue(database: Database, broker: Broker) -> None:
    """The rate is counted from the new time on."""
    set_queue(database, "default", Terms(rate_per_s=5))
    put(database, 30)
    with database.write() as session:
        future = session.now() + timedelta(hours=1)
        session.execute(update(QueueRow).values(refilled_at=future, tokens=2.0))
    assert relay(database, broker) == 2
    with database.read() as session:
        refilled_at = find_queue(session, "default").refilled_at
        assert refilled_at is not None
        assert refilled_at < future


@pytest.mark.parametrize("settings", [pytest.param("servers", marks=pytest.mark.service)], indirect=True)
def test_only_one_relay_publishes_at_a_time(database: Database, broker: Broker) -> None:
    """A second one returns at once, so that the window holds for all together."""
    put(database, 30)
    found: list[int] = []

    def publish(job_ids: object) -> None:
        del job_ids
        found.append(relay(database, broker, window=20))

    assert relay_once(database, publish, message_size=8, ahead=100, window=8) == 8
    assert found == [0]


def test_no_round_reads_a_whole_line(database: Database, broker: Broker) -> None:
    """No statement of a round must scan a table: an index leads to what is next, however long the lines are."""
    for number in range(30):
        put(database, 10, tenant=f"t{number}")
    plans = explained(database, lambda: relay(database, broker, ahead=2, window=64), seqscan=False)
    assert len(plans) >= 5
    for statement, plan in plans:
        scans = [line for line in plan if re.search(r"(Seq Scan on|SCAN) (outbox|jobs)(?!.*USING)", line)]
        assert not scans, (statement, plan)
        if "published_at IS NOT NULL" in statement:  # of all that is queued, only what is published is counted
            assert any("ix_jobs_published" in line for line in plan), (statement, plan)


def test_an_unknown_queue_and_a_nameless_tenant_are_refused(database: Database) -> None:
    """Nothing is submitted, and the message says what to run."""
    with pytest.raises(LookupFailedError, match="cladist queues set nowhere"):
        put(database, 1, "nowhere")
    for name in ("", "  ", "x" * 300, "a\0"):
        with pytest.raises(SubmissionError, match="no name of a tenant"):
            put(database, 1, tenant=name)
    with pytest.raises(LookupFailedError, match="no queue is named"):
        pause_queue(database, "nowhere", paused=True)


def test_a_tenant_is_known_by_one_number(database: Database) -> None:
    """However often he comes."""
    put(database, 1, tenant="a"), put(database, 1, tenant="a"), put(database, 1, tenant="b")
    with database.read() as session:
        assert session.scalars(select(TenantRow.name).order_by(TenantRow.id)).all() == ["default", "a", "b"]


def test_queues_are_listed_as_they_are_published(database: Database) -> None:
    """By priority, with what waits."""
    set_queue(database, "a", Terms(priority=-1))
    set_queue(database, "z", Terms(priority=5, weight=2, rate_per_s=7.5))
    put(database, 3, "z")
    with database.read() as session:
        found = list_queues(session)
    assert [queue["queue"] for queue in found] == ["z", "default", "a"]
    assert found[0] == {"queue": "z", "priority": 5, "weight": 2.0, "rate_per_s": 7.5, "paused": False, "waiting": 3}
    assert all(before["priority"] >= after["priority"] for before, after in pairwise(found))
