"""Claims that meet a relay or another worker half-way, and claims that are given back."""

import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest
from fixture_types import Submitted
from sqlalchemy import select, text
from waiting import wait_until

from worker.db.engine import Database
from worker.db.tables import JobRow
from worker.dispatch.relay import relay_once
from worker.jobs.claims import Claim, claim_jobs, held_claims
from worker.jobs.requests import cancel_job, retry_dead, retry_job
from worker.jobs.retention import purge_jobs
from worker.jobs.transitions import give_back, postpone, try_again

pytestmark = pytest.mark.usefixtures("bundle")


def wait_for_locks(database: Database) -> bool:
    """Whether a statement on this PostgreSQL database waits for a lock."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with database.read() as session:
        return bool(session.execute(text(waiting)).first())


def test_a_message_may_come_before_its_relay_has_committed(database: Database, submitted: Submitted) -> None:
    """The claim waits for the relay's locks: passed over, the jobs would wait until they are published again."""
    ids = submitted([f"file:///{number}.png" for number in range(3)])
    claimed: list[int] = []

    claiming = threading.Event()

    def claim() -> None:
        claiming.set()
        claimed.extend(claim.job_id for claim in claim_jobs(database, ids, "w", 60.0))

    worker = threading.Thread(target=claim)

    def publish(_job_ids: Sequence[int]) -> None:
        worker.start()
        claiming.wait()
        if not database.is_sqlite:  # which has but one lock, and every claim begins with it
            wait_until(lambda: wait_for_locks(database) or not worker.is_alive(), "the claim to meet the relay's locks")

    relay_once(database, publish, message_size=8, ahead=2, window=100)
    worker.join()
    assert claimed == ids


def test_what_is_given_back_is_charged_nothing(database: Database, submitted: Submitted) -> None:
    """No attempt is charged, nobody holds it, and it can be claimed again, under a number of its own."""
    (job_id,) = submitted(["file:///a.png"])
    claims = claim_jobs(database, [job_id], "first", 60.0)
    with database.write() as session:
        give_back(session, held_claims(session, claims))
    with database.read() as session:
        job = session.scalars(select(JobRow)).one()
        assert (job.status, job.charged, job.code, job.lease_until) == ("queued", 0, None, None)
    again = claim_jobs(database, [job_id], "second", 60.0)
    assert [(claim.attempt, claim.charged) for claim in again] == [(2, 1)]


def test_an_attempt_number_is_never_used_twice(database: Database, submitted: Submitted) -> None:
    """Cancelled or dead, given back or waiting for a host: each claim of a job has a number of its own."""
    (job_id,) = submitted(["file:///a.png"])
    claims: list[Claim] = []

    def claim() -> None:
        claims.extend(claim_jobs(database, [job_id], "w", 60.0))

    claim()
    cancel_job(database, job_id)
    retry_job(database, job_id)
    claim()
    with database.write() as session:
        give_back(session, held_claims(session, claims))
    claim()
    with database.write() as session:
        postpone(session, held_claims(session, claims), "the host asked to wait", 60.0)
    claim()
    with database.write() as session:
        try_again(session, held_claims(session, claims), "not now", max_attempts=1, wait_s=0.0)
    assert [len(page) for page in retry_dead(database)] == [1]
    claim()
    assert [(claim.attempt, claim.charged) for claim in claims] == [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]
    with database.write() as session:
        assert held_claims(session, claims) == claims[-1:]


def test_a_job_with_the_number_of_a_purged_one_is_another(database: Database, submitted: Submitted) -> None:
    """SQLite gives a number again: a claim on what was cancelled and purged does not hold for what has it now."""
    (job_id,) = submitted(["file:///a.png"])
    late = claim_jobs(database, [job_id], "late", 60.0)
    cancel_job(database, job_id)
    assert sum(purge_jobs(database, timedelta(seconds=-60))) == 1
    claim_jobs(database, submitted(["file:///b.png"]), "fresh", 60.0)
    with database.write() as session:
        assert held_claims(session, late) == []
