"""The queries behind gauges and `cladist top`: right, and by an index whatever the statistics say."""

from datetime import timedelta

import pytest
from fixture_types import Submitted
from plans import analyse, explained
from sqlalchemy import update

from worker.db.engine import Database
from worker.db.tables import JobRow, OutboxRow
from worker.dispatch.relay import relay_once
from worker.jobs.claims import claim_jobs, held_claims
from worker.jobs.transitions import mark_succeeded
from worker.monitoring.job_stats import read_job_stats, read_rates, read_workers

pytestmark = pytest.mark.usefixtures("bundle")


def uris(count: int) -> list[str]:
    return [f"file:///{number}.png" for number in range(count)]


def age(database: Database, job_ids: list[int], seconds: float) -> None:
    with database.write() as session:
        at = session.now() - timedelta(seconds=seconds)
        session.execute(update(JobRow).where(JobRow.id.in_(job_ids)).values(created_at=at))
        session.execute(update(OutboxRow).values(due_at=at))


def test_an_empty_database_has_nothing_to_do(database: Database) -> None:
    with database.read() as session:
        vitals = read_job_stats(session)
        assert read_workers(session) == []
        assert set(read_rates(session).values()) == {0.0}
    assert set(vitals.counts.values()) == {0}
    assert (vitals.oldest_pending_s, vitals.outbox_lag_s, vitals.is_published_pending) == (0.0, 0.0, False)


def test_jobs_on_their_way(database: Database, submitted: Submitted) -> None:
    """Waiting in the outbox, then published, then claimed by two workers, then done."""
    ids = submitted(uris(10))
    age(database, ids, 500)
    with database.read() as session:
        vitals = read_job_stats(session)
    assert 500 <= vitals.oldest_pending_s < 600
    assert 500 <= vitals.outbox_lag_s < 600
    assert not vitals.is_published_pending
    relay_once(database, lambda _ids: None, message_size=8, ahead=2, window=100)
    with database.read() as session:
        vitals = read_job_stats(session)
    assert (vitals.counts["queued"], vitals.outbox_lag_s, vitals.is_published_pending) == (10, 0.0, True)
    mine = claim_jobs(database, ids[:3], "one", 60)
    claim_jobs(database, ids[3:], "two", 60)
    with database.read() as session:
        vitals, workers = read_job_stats(session), read_workers(session)
    assert (vitals.counts["queued"], vitals.counts["running"], vitals.is_published_pending) == (0, 10, False)
    assert [(w.worker, w.jobs, w.retries) for w in workers] == [("two", 7, 0), ("one", 3, 0)]
    assert all(0 < w.lease_left_s <= 60 for w in workers)
    with database.write() as session:
        mark_succeeded(session, held_claims(session, mine))
    with database.read() as session:
        assert read_rates(session)["succeeded"] == pytest.approx(3 / 60)


def test_no_query_reads_a_table_or_sorts_one(database: Database, submitted: Submitted) -> None:
    """Of every statement on jobs the plan seeks in an index, with statistics that say all jobs are queued."""
    ids = submitted(uris(3000))
    analyse(database)
    with database.write() as session:
        session.execute(update(JobRow).where(JobRow.id.in_(ids)).values(status="succeeded"))

    def look() -> None:
        with database.read() as session:
            read_job_stats(session)
            read_workers(session)
            read_rates(session)

    plans = [(said, "\n".join(steps)) for said, steps in explained(database, look) if "jobs" in said]
    assert len(plans) == 11
    for statement, plan in plans:
        assert "ix_jobs" in plan or "outbox" in plan, plan
        for costly in ("Seq Scan on jobs", "SCAN jobs", "Sort", "TEMP B-TREE"):
            assert costly not in plan, (statement, plan)
        assert "pk_jobs" not in plan or "Index Cond: (id = outbox.job_id)" in plan, (statement, plan)
