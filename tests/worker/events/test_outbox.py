"""Every end of a job is told once, in the transaction that ends it; what was told is forgotten in time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from fixture_types import MakeImages, Submitted
from plans import analyse, explained
from sqlalchemy import func, select, update

from worker.assets.deletion import delete_asset
from worker.db.engine import Database
from worker.db.tables import EventRow, JobRow, SinkRow
from worker.events.outbox import Event, events_between, record_events
from worker.events.retention import purge_events
from worker.jobs.claims import Failure, claim_jobs, held_claims
from worker.jobs.reaper import reap_once
from worker.jobs.requests import cancel_job, retry_job
from worker.jobs.transitions import give_back, mark_failed, mark_succeeded, postpone, try_again
from worker.process.bootstrap import Services
from worker.states import Code, EventKind

URIS = ["file:///a.png", "file:///b.png", "file:///c.png"]
WEEK = timedelta(days=7)


def told(database: Database) -> list[tuple[str, int | None, object]]:
    with database.read() as tx:
        return [
            (event.kind, event.job_id, event.details) for event in tx.scalars(select(EventRow).order_by(EventRow.id))
        ]


def fill(database: Database, count: int, *, days_ago: float = 0.0) -> None:
    with database.write() as tx:
        past = tx.now() - timedelta(days=days_ago)
        record_events(tx, [Event(EventKind.JOB_SUCCEEDED, 1, number) for number in range(count)], past)


def kept(database: Database) -> int:
    with database.read() as tx:
        return tx.scalar(select(func.count()).select_from(EventRow)) or 0


def add_sinks(database: Database, cursors: Sequence[int]) -> None:
    with database.write() as tx:
        tx.add_all(SinkRow(name=f"s{number}", cursor=cursor, failures=0) for number, cursor in enumerate(cursors))


@pytest.mark.usefixtures("bundle")
def test_every_way_in_which_a_job_ends_is_told(database: Database, submitted: Submitted) -> None:
    """Succeeded, failed, out of attempts, and lost with its worker; a job that goes on, or was cancelled, is not."""
    ids = submitted([*URIS, *(f"file:///{number}.png" for number in range(6))])
    claims = claim_jobs(database, ids, "w", 60.0)
    with database.write() as tx:
        mark_succeeded(tx, claims[:2])
        mark_failed(tx, [Failure(claims[2], Code.ASSET_NOT_FOUND, "gone")])
        try_again(tx, claims[3:4], "no luck", max_attempts=1, wait_s=0.0)
        try_again(tx, claims[4:5], "no luck", max_attempts=2, wait_s=0.0)
        give_back(tx, claims[5:6])
        postpone(tx, claims[6:7], "busy", 1.0)
    cancel_job(database, ids[7])
    with database.write() as tx:
        tx.execute(update(JobRow).where(JobRow.id == ids[8]).values(lease_until=tx.now() - WEEK, alone=True))
    reap_once(database, max_attempts=1, republish_s=60.0, lease_s=1e6)
    dead = {"status": "dead", "code": "out_of_attempts"}
    assert told(database) == [
        ("job.succeeded", ids[0], None),
        ("job.succeeded", ids[1], None),
        ("job.failed", ids[2], {"status": "failed", "code": "asset_not_found"}),
        ("job.failed", ids[3], dead),
        ("job.failed", ids[8], dead),
    ]


@pytest.mark.usefixtures("bundle")
def test_the_answers_of_a_shadow_are_told_to_nobody(database: Database, submitted: Submitted) -> None:
    claims = [replace(claim, is_shadow=True) for claim in claim_jobs(database, submitted(URIS), "w", 60.0)]
    with database.write() as tx:
        mark_succeeded(tx, claims[:1])
        mark_failed(tx, [Failure(claims[1], Code.ASSET_NOT_FOUND, "gone")])
        try_again(tx, claims[2:], "no luck", max_attempts=1, wait_s=0.0)
    assert told(database) == []


@pytest.mark.usefixtures("bundle")
def test_what_is_not_committed_is_not_told(database: Database, submitted: Submitted) -> None:
    """An end that is undone leaves no event; a job that is tried again is told anew."""
    (job_id,) = submitted(URIS[:1])
    claims = claim_jobs(database, [job_id], "w", 60.0)
    with database.write() as tx:
        mark_succeeded(tx, held_claims(tx, claims))
        assert tx.scalar(select(func.count()).select_from(EventRow)) == 1
        tx.rollback()
    assert told(database) == []


@pytest.mark.usefixtures("bundle")
def test_an_end_is_told_each_time_and_only_then(database: Database, submitted: Submitted) -> None:
    """A claim that no longer holds ends nothing, and tells nothing; a job that is tried again is told anew."""
    (job_id,) = submitted(URIS[:1])
    (claim,) = claim_jobs(database, [job_id], "w", 60.0)
    failure = Failure(claim, Code.ASSET_NOT_FOUND, "gone")
    for _ in range(2):
        with database.write() as tx:
            mark_failed(tx, [failure])
    retry_job(database, job_id)
    with database.write() as tx:
        mark_succeeded(tx, [claim])
    again = claim_jobs(database, [job_id], "w", 60.0)
    with database.write() as tx:
        mark_succeeded(tx, again)
    assert [kind for kind, *_ in told(database)] == ["job.failed", "job.succeeded"]


def test_a_deleted_asset_leaves_nothing_personal(
    services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """Of its jobs the numbers stay, and no name, address or answer."""
    uris = [*make_images(1), "file:///secret-name.png"]
    services.pipeline.run(submitted(uris))
    for uri in uris:
        delete_asset(services.database, "default", uri, "me")
    with services.database.read() as tx:
        rows = [dict(row) for row in tx.execute(select(EventRow.__table__)).mappings()]
    assert len(rows) == 2
    assert not any(word in str(rows) for word in ("secret-name", "image-0", "file:"))


def test_old_events_go_once_every_sink_was_told(database: Database) -> None:
    """Page by page; those that one sink has not read stay, and those that are young."""
    fill(database, 2500, days_ago=8)
    fill(database, 10)
    add_sinks(database, [2300, 2505])
    assert list(purge_events(database, WEEK)) == [1000, 1000, 300]
    assert kept(database) == 210
    with database.write() as tx:
        tx.execute(update(SinkRow).values(cursor=2505))
    assert sum(purge_events(database, WEEK)) == 200
    assert list(purge_events(database, WEEK)) == []
    assert kept(database) == 10


def test_without_a_sink_events_go_by_age_alone(database: Database) -> None:
    fill(database, 5, days_ago=8)
    fill(database, 5)
    assert list(purge_events(database, WEEK)) == [5]
    assert kept(database) == 5


def test_events_are_read_and_forgotten_by_their_ids(database: Database) -> None:
    """However many there are: no statement reads the table from end to end."""
    fill(database, 3000, days_ago=8)
    add_sinks(database, [3000])
    analyse(database)

    def act() -> None:
        with database.read() as tx:
            events_between(tx, 100, 2900, 10)
        assert next(purge_events(database, WEEK)) == 1000

    for said, plan in explained(database, act, seqscan=False):
        if "events" in said and "max(" not in said:
            assert "Seq Scan on events" not in str(plan), (said, plan)
            assert "SCAN events" not in str(plan), (said, plan)
