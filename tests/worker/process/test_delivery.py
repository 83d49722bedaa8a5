"""Relay, claims and reaper: what brings every job to a worker, once or again."""

from datetime import timedelta

import pytest
from fake_broker import Broker, relay, run
from fixture_types import Submitted
from sqlalchemy import select, update

from worker.backoff import LONGEST_S, wait_s
from worker.db.engine import Database
from worker.db.tables import JobRow, OutboxRow
from worker.jobs.claims import Claim, claim_jobs, extend_leases, held_claims
from worker.jobs.reaper import Reaped, reap_once
from worker.jobs.requests import cancel_job
from worker.jobs.transitions import mark_succeeded, try_again
from worker.states import Status

pytestmark = pytest.mark.usefixtures("bundle")


def uris(count: int) -> list[str]:
    return [f"file:///{number}.png" for number in range(count)]


@pytest.fixture
def broker() -> Broker:
    """An empty broker in memory."""
    return Broker()


def reap(database: Database, republish_s: float = 60.0, max_attempts: int = 3) -> Reaped:
    return reap_once(database, max_attempts=max_attempts, republish_s=republish_s, lease_s=60.0)


def expire(database: Database) -> None:
    with database.write() as session:
        past = session.now() - timedelta(seconds=1)
        session.execute(update(JobRow).where(JobRow.lease_until.is_not(None)).values(lease_until=past))


def job(database: Database, job_id: int) -> JobRow:
    with database.read() as session:
        return session.get_one(JobRow, job_id)


def outbox(database: Database) -> list[tuple[int, bool]]:
    with database.read() as session:
        return [(row.job_id, row.alone) for row in session.scalars(select(OutboxRow).order_by(OutboxRow.id))]


def claim(database: Database, ids: list[int], worker: str = "w", lease_s: float = 60.0) -> list[Claim]:
    return claim_jobs(database, ids, worker, lease_s)


def test_one_job_goes_at_once_and_many_go_in_full_messages(
    database: Database, submitted: Submitted, broker: Broker
) -> None:
    """Message size follows the load."""
    first = submitted(uris(1))
    assert relay(database, broker) == 1
    many = submitted(uris(20))
    assert relay(database, broker) == 20
    assert list(broker.messages) == [first, many[:8], many[8:16], many[16:]]
    assert relay(database, broker) == 0


def test_a_broker_that_is_down_keeps_the_outbox(database: Database, submitted: Submitted, broker: Broker) -> None:
    """Nothing leaves the outbox until it was published."""
    ids = submitted(uris(3))
    broker.is_down = True
    with pytest.raises(OSError, match="down"):
        relay(database, broker)
    assert [job_id for job_id, _ in outbox(database)] == ids
    broker.is_down = False
    assert relay(database, broker) == 3


def test_no_more_than_the_window_lies_published(database: Database, submitted: Submitted, broker: Broker) -> None:
    """The rest waits in the outbox until jobs have ended."""
    ids = submitted(uris(20))
    assert relay(database, broker, 4, window=12) == 12
    claim(database, ids[5:10])
    assert relay(database, broker, 4, window=12) == 0
    run(database, ids[:4])
    assert relay(database, broker, 4, window=12) == 4


def test_little_room_waits_to_hold_a_whole_message(database: Database, submitted: Submitted, broker: Broker) -> None:
    """Under load messages stay full, also at the end; what is in flight meanwhile is more than a message."""
    ids = submitted(uris(26))
    assert relay(database, broker, window=16) == 16
    run(database, ids[:9])
    assert relay(database, broker, window=16) == 8
    assert relay(database, broker, window=16) == 0
    run(database, ids[9:15])
    assert relay(database, broker, window=16) == 0
    run(database, ids[15:16])
    assert relay(database, broker, window=16) == 2
    assert [len(message) for message in broker.messages] == [8, 8, 8, 2]


def test_a_claim_holds_against_a_second_worker(database: Database, submitted: Submitted) -> None:
    """The second worker gets only what the first did not take; ids that do not exist are passed over."""
    ids = submitted(uris(3))
    assert [c.job_id for c in claim(database, ids[:2], "first")] == ids[:2]
    assert [c.job_id for c in claim(database, [*ids, 10**9], "second")] == ids[2:]
    assert claim(database, ids, "third") == []
    assert (job(database, ids[0]).worker, job(database, ids[2]).worker) == ("first", "second")


def test_lost_leases_are_queued_again_in_groups(database: Database, submitted: Submitted, broker: Broker) -> None:
    """What died together is tried a few at a time, in messages of the square root of a full one."""
    ids = submitted(uris(3))
    relay(database, broker)
    claim(database, ids)
    assert reap(database) == Reaped(0, 0)
    expire(database)
    assert reap(database) == Reaped(3, 0)
    relay(database, broker)
    assert list(broker.messages) == [ids, ids[:2], ids[2:]]


def test_a_job_dies_after_its_last_attempt(database: Database, submitted: Submitted) -> None:
    """Three attempts, then dead with its code; no outbox row is left."""
    (job_id,) = submitted(uris(1))
    for attempt in (1, 2, 3):
        assert [c.attempt for c in claim(database, [job_id])] == [attempt]
        expire(database)
        reap(database)
    dead = job(database, job_id)
    assert (dead.status, dead.code, dead.attempt) == ("dead", "out_of_attempts", 3)
    assert dead.finished_at is not None
    assert "worker was lost" in (dead.message or "")


def test_a_late_worker_cannot_write(database: Database, submitted: Submitted) -> None:
    """The attempt fences: a claim that was reaped and claimed anew does not hold any more."""
    (job_id,) = submitted(uris(1))
    late = claim(database, [job_id], "late")
    expire(database)
    reap(database)
    fresh = claim(database, [job_id], "fresh")
    with database.write() as session:
        assert held_claims(session, late) == []
        assert held_claims(session, fresh) == fresh
    extend_leases(database, late, 0.0)
    assert reap(database) == Reaped(0, 0)


def test_a_heartbeat_keeps_the_lease(database: Database, submitted: Submitted) -> None:
    """An extended lease is not reaped."""
    ids = submitted(uris(2))
    claims = claim(database, ids)
    expire(database)
    extend_leases(database, claims, 60.0)
    assert reap(database) == Reaped(0, 0)


def test_a_broker_that_forgot_is_told_again(database: Database, submitted: Submitted, broker: Broker) -> None:
    """A published job that nobody claimed gets a new outbox row, once."""
    ids = submitted(uris(3))
    relay(database, broker)
    assert reap(database, republish_s=60.0) == Reaped(0, 0)
    assert reap(database, republish_s=0.0) == Reaped(0, 3)
    assert reap(database, republish_s=0.0) == Reaped(0, 0)
    relay(database, broker)
    assert list(broker.messages) == [ids, ids]


def test_work_given_back_waits_until_it_is_due(database: Database, submitted: Submitted, broker: Broker) -> None:
    """Then it takes its place in the line again, alone."""
    (job_id,) = submitted(uris(1))
    relay(database, broker)
    claims = claim(database, [job_id])
    with database.write() as session:
        held = held_claims(session, claims)
        try_again(session, held, "not now", max_attempts=3, wait_s=60.0)
    assert job(database, job_id).message == "not now"
    with database.write() as session:
        row = session.scalars(select(OutboxRow)).one()
        assert row.due_at is not None
        assert row.due_at <= session.now() + timedelta(seconds=60)
        row.due_at = session.now() + timedelta(seconds=60)
    later = submitted(uris(1))
    assert relay(database, broker) == 1
    with database.write() as session:
        session.execute(update(OutboxRow).values(due_at=session.now()))
    assert relay(database, broker) == 1
    assert list(broker.messages) == [[job_id], later, [job_id]]


def test_a_job_that_was_claimed_by_an_old_message_is_not_published_again(
    database: Database, submitted: Submitted, broker: Broker
) -> None:
    """What the reaper put into the outbox leaves it without a message once the job runs."""
    ids = submitted(uris(3))
    relay(database, broker)
    reap(database, republish_s=0.0)
    claim(database, ids[:2])
    assert relay(database, broker) == 1
    assert list(broker.messages) == [ids, ids[2:]]
    assert outbox(database) == []


def test_a_broker_that_forgot_all_is_told_again_soon(database: Database, submitted: Submitted, broker: Broker) -> None:
    """While nothing runs, five seconds are enough; while something runs, `republish_s` counts."""
    ids = submitted(uris(3))
    relay(database, broker)
    with database.write() as session:
        session.execute(update(JobRow).values(published_at=session.now() - timedelta(seconds=6)))
    held = claim(database, ids[:1])
    assert reap(database) == Reaped(0, 0)
    with database.write() as session:
        mark_succeeded(session, held)
    assert reap(database) == Reaped(0, 2)


def test_waits_grow_to_a_bound_and_are_spread_below_it() -> None:
    """Full jitter: anywhere from nothing to the bound, which doubles with each attempt until it is the longest."""
    for attempt, bound in [(1, 2.0), (2, 4.0), (5, 32.0), (30, LONGEST_S), (10_000, LONGEST_S)]:
        waits = [wait_s(attempt, 2.0) for _ in range(400)]
        assert 0 <= min(waits) < 0.1 * bound
        assert 0.9 * bound < max(waits) <= bound
    assert wait_s(3, 0.0) == 0.0


def test_a_success_is_final(database: Database, submitted: Submitted) -> None:
    """Neither the reaper nor another claim touches it."""
    (job_id,) = submitted(uris(1))
    claims = claim(database, [job_id])
    with database.write() as session:
        mark_succeeded(session, held_claims(session, claims))
    expire(database)
    assert reap(database, republish_s=0.0) == Reaped(0, 0)
    assert claim(database, [job_id]) == []
    assert job(database, job_id).status == Status.SUCCEEDED


def test_a_running_job_can_be_cancelled(database: Database, submitted: Submitted) -> None:
    """Its worker's claim does not hold any more, and nobody tries it again."""
    (job_id,) = submitted(uris(1))
    claims = claim(database, [job_id])
    cancel_job(database, job_id)
    with database.write() as session:
        assert held_claims(session, claims) == []
    assert reap(database, republish_s=0.0) == Reaped(0, 0)
    assert (job(database, job_id).status, outbox(database)) == (Status.CANCELLED, [])


def test_a_clock_set_back_holds_nothing_up(database: Database, submitted: Submitted) -> None:
    """Leases, publications and waits an hour ahead, as such a clock leaves them, come near; sound ones stay."""
    ids = submitted(uris(4))
    claim(database, ids[:2])
    with database.write() as session:
        now = session.now()
        ahead = now + timedelta(hours=1)
        session.execute(update(JobRow).where(JobRow.id == ids[0]).values(lease_until=ahead))
        session.execute(update(JobRow).where(JobRow.id == ids[2]).values(published_at=ahead))
        session.execute(update(OutboxRow).where(OutboxRow.job_id == ids[3]).values(due_at=ahead))
    sound = job(database, ids[1]).lease_until
    assert reap(database) == Reaped(0, 0)
    with database.write() as session:
        soon = session.now() + timedelta(seconds=60)
        due = session.scalar(select(OutboxRow.due_at).where(OutboxRow.job_id == ids[3]))
    lease_until, published_at = job(database, ids[0]).lease_until, job(database, ids[2]).published_at
    assert lease_until is not None
    assert lease_until <= soon
    assert job(database, ids[1]).lease_until == sound
    assert published_at is not None
    assert published_at <= soon
    assert due is not None
    assert due <= soon
