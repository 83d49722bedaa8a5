"""The end of a batch is told once for each end, whoever looks, and without a lock that its jobs share."""

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from fixture_types import Submitted
from sqlalchemy import insert, select, update

from worker.db.engine import Database
from worker.db.tables import BatchRow, EventRow, JobRow
from worker.dispatch.queues import Destination
from worker.jobs.batch_ends import BatchEnds, reopen_batches
from worker.jobs.batches import cancel_batch
from worker.jobs.claims import Failure, claim_jobs
from worker.jobs.requests import retry_failed, retry_job
from worker.jobs.submission import CHUNK, Request, submit_batch
from worker.jobs.transitions import mark_failed, mark_succeeded, try_again
from worker.states import Code, EventKind

pytestmark = pytest.mark.usefixtures("bundle")

ON_SERVERS = pytest.mark.parametrize("settings", [pytest.param("servers", marks=pytest.mark.service)], indirect=True)


def succeed(database: Database, ids: Sequence[int]) -> None:
    claims = claim_jobs(database, ids, "w", 60.0)
    with database.write() as tx:
        mark_succeeded(tx, claims)


def fail(database: Database, ids: Sequence[int]) -> None:
    claims = claim_jobs(database, ids, "w", 60.0)
    with database.write() as tx:
        mark_failed(tx, [Failure(claim, Code.ASSET_NOT_FOUND, "gone") for claim in claims])


def ends(database: Database) -> list[int | None]:
    """The batches whose end was told, in order."""
    with database.read() as tx:
        told = select(EventRow.batch_id).where(EventRow.kind == EventKind.BATCH_FINISHED).order_by(EventRow.id)
        return list(tx.scalars(told))


def test_an_end_is_told_when_no_job_is_open(database: Database, submitted: Submitted) -> None:
    """Not while one is queued, and not while one runs; then once, whoever sweeps, and however often."""
    ids = submitted(["file:///a", "file:///b"])
    submitted(["file:///of another batch"])
    sweeps = [BatchEnds(), BatchEnds()]
    succeed(database, ids[:1])
    assert sweeps[0].sweep(database) == 0
    claims = claim_jobs(database, ids[1:], "w", 60.0)
    assert sweeps[0].sweep(database) == 0
    with database.write() as tx:
        try_again(tx, claims, "later", max_attempts=3, wait_s=0.0)
    assert sweeps[0].sweep(database) == 0
    fail(database, ids[1:])
    assert [sweep.sweep(database) for sweep in sweeps * 2] == [1, 0, 0, 0]
    assert ends(database) == [1]


def test_many_who_look_at_once_tell_an_end_once(database: Database, submitted: Submitted) -> None:
    for number in range(20):
        succeed(database, submitted([f"file:///{number}"]))
    threads = [threading.Thread(target=BatchEnds().sweep, args=(database,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    BatchEnds().sweep(database)
    assert sorted(batch or 0 for batch in ends(database)) == list(range(1, 21))


def test_a_cancelled_batch_has_ended_too(database: Database, submitted: Submitted) -> None:
    submitted(["file:///a"])
    list(cancel_batch(database, 1))
    assert BatchEnds().sweep(database) == 1


def test_a_retry_takes_an_end_back(database: Database, submitted: Submitted) -> None:
    """By job and by code; the end after it is told anew."""
    ids = submitted(["file:///a", "file:///b"])
    sweep = BatchEnds()
    fail(database, ids)
    assert sweep.sweep(database) == 1
    retry_job(database, ids[0])
    assert sweep.sweep(database) == 0
    fail(database, ids[:1])
    assert sweep.sweep(database) == 1
    assert list(retry_failed(database, Code.ASSET_NOT_FOUND)) == [ids]
    assert sweep.sweep(database) == 0
    succeed(database, ids)
    assert sweep.sweep(database) == 1
    assert ends(database) == [1, 1, 1]


@ON_SERVERS
def test_a_retry_beside_a_sweep_loses_no_end(database: Database, submitted: Submitted) -> None:
    """A job that is queued again, not yet committed: the sweep tells no end, and the next end is told."""
    ids = submitted(["file:///a"])
    fail(database, ids)
    sweep = BatchEnds()
    held, go_on = threading.Event(), threading.Event()

    def retry() -> None:
        with database.write() as tx:
            tx.execute(update(JobRow).where(JobRow.id == ids[0]).values(status="queued", finished_at=None))
            reopen_batches(tx, ids)
            held.set()
            go_on.wait()

    thread = threading.Thread(target=retry)
    thread.start()
    held.wait()
    assert sweep.sweep(database) == 0
    go_on.set()
    thread.join()
    assert sweep.sweep(database) == 0
    succeed(database, ids)
    assert sweep.sweep(database) == 1


def test_a_submission_under_way_has_not_ended(database: Database) -> None:
    """Though all jobs of its first thousand have; unless nothing more came of it for a minute."""
    sweep = BatchEnds()
    submitting = submit_batch(database, (Request(f"file:///{number}") for number in range(CHUNK + 1)))
    first = [submitted.job for submitted in next(submitting)]
    succeed(database, first)
    assert sweep.sweep(database) == 0
    with database.write() as tx:
        tx.execute(update(JobRow).values(created_at=tx.now() - timedelta(seconds=61)))
    assert sweep.sweep(database) == 1
    (last,) = next(submitting)
    assert list(submitting) == []
    assert sweep.sweep(database) == 0
    succeed(database, [last.job])
    assert sweep.sweep(database) == 1
    assert ends(database) == [1, 1]


@pytest.mark.parametrize("count", [1, CHUNK, CHUNK + 1])
def test_a_batch_knows_its_tenant_and_when_it_was_submitted(database: Database, count: int) -> None:
    requests: Iterator[Request] = (Request(f"file:///{number}") for number in range(count))
    list(submit_batch(database, requests, Destination(tenant="shop")))
    with database.read() as tx:
        (row,) = tx.scalars(select(BatchRow))
        assert row.submitted_at is not None
        assert row.submitted_at >= row.created_at
        assert (row.tenant_id, row.job_count) == (2, count)


def test_open_batches_are_looked_at_in_turn(database: Database, submitted: Submitted) -> None:
    """More than a sweep looks at: the next one goes on behind, and the one after begins anew."""
    submitted(["file:///the asset of all"])
    with database.write() as tx:
        now = tx.now()
        tx.execute(insert(BatchRow), [{"created_at": now, "job_count": 1, "submitted_at": now}] * 5999)
        job = {"asset_id": 1, "bundle_id": 1, "status": "queued", "created_at": now}
        tx.execute(insert(JobRow), [{**job, "batch_id": number} for number in range(2, 5999)])
    sweep = BatchEnds()
    assert [sweep.sweep(database) for _ in range(3)] == [0, 2, 0]
