"""Claims that meet a relay or another worker half-way, and claims that are given back."""

import threading
from collections.abc import Sequence

import pytest
from fixture_types import Submitted
from sqlalchemy import select, text
from waiting import wait_until

from worker.db.engine import Database
from worker.db.tables import JobRow
from worker.dispatch.relay import relay_once
from worker.jobs.claims import claim_jobs, held_claims
from worker.jobs.transitions import give_back

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


def test_what_is_released_was_never_claimed(database: Database, submitted: Submitted) -> None:
    """No attempt is charged, nobody holds it, and it can be claimed again."""
    (job_id,) = submitted(["file:///a.png"])
    claims = claim_jobs(database, [job_id], "first", 60.0)
    with database.write() as session:
        give_back(session, held_claims(session, claims))
    with database.read() as session:
        job = session.scalars(select(JobRow)).one()
        assert (job.status, job.attempt, job.code, job.lease_until) == ("queued", 0, None, None)
    assert [claim.attempt for claim in claim_jobs(database, [job_id], "second", 60.0)] == [1]
