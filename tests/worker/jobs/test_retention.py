"""What happens to jobs after their end: dead ones get another chance, old ones are forgotten."""

from datetime import timedelta

import pytest
from fake_broker import Broker, relay
from fixture_types import MakeImages, Submitted
from sqlalchemy import func, select, text, update

from worker.db.engine import Database
from worker.db.tables import AssetRow, DecisionRow, JobRow, LabelRow, OutboxRow
from worker.errors import InvalidMoveError
from worker.jobs.requests import retry_dead, retry_job
from worker.jobs.retention import purge_jobs
from worker.models.predictors import Predictors
from worker.pipeline.pipeline import Pipeline
from worker.settings import Settings
from worker.states import Status

pytestmark = pytest.mark.usefixtures("bundle")

MONTH = timedelta(days=30)


def count(database: Database, table: type) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def end(database: Database, ids: list[int], status: Status, days_ago: float) -> None:
    """Let jobs have been submitted and ended so many days ago."""
    with database.write() as session:
        past = session.now() - timedelta(days=days_ago)
        values = {"status": status, "finished_at": past, "created_at": past, "charged": 3, "code": "out_of_attempts"}
        session.execute(update(JobRow).where(JobRow.id.in_(ids)).values(values))
        session.execute(text("DELETE FROM outbox WHERE job_id <= :last AND job_id >= :first"),
                        {"first": min(ids), "last": max(ids)})  # fmt: skip


def test_all_dead_jobs_get_another_chance(database: Database, submitted: Submitted) -> None:
    """Page by page, each once, alone in its message and with all its attempts; the others stay as they are."""
    ids = submitted([f"file:///{number}.png" for number in range(1200)])
    end(database, ids[:1100], Status.DEAD, 1)
    end(database, ids[1100:], Status.FAILED, 1)
    assert [len(page) for page in retry_dead(database)] == [1000, 100]
    assert list(retry_dead(database)) == []
    with database.read() as session:
        rows = session.execute(select(JobRow.status, JobRow.charged, JobRow.code, func.count()).group_by(
            JobRow.status, JobRow.charged, JobRow.code)).all()  # fmt: skip
    assert sorted(tuple(row) for row in rows) == [("failed", 3, "out_of_attempts", 100), ("queued", 0, None, 1100)]
    broker = Broker()
    assert relay(database, broker, window=40) == 40
    assert [len(message) for message in broker.messages] == [1] * 40


def test_a_retry_of_the_dead_takes_no_others(database: Database, submitted: Submitted) -> None:
    """A failed job is refused, by name of its state."""
    ids = submitted(["file:///a.png", "file:///b.png"])
    end(database, ids[:1], Status.FAILED, 1)
    for job_id, status in zip(ids, ("failed", "queued"), strict=True):
        with pytest.raises(InvalidMoveError, match=f"job {job_id} is {status}, not dead"):
            retry_job(database, job_id, only=Status.DEAD)


def test_old_jobs_go_with_their_decisions_and_labels_stay(
    database: Database, settings: Settings, submitted: Submitted, make_images: MakeImages
) -> None:
    """What ended long ago goes; what ended lately, or has not ended, stays with its decision."""
    ids = submitted(make_images(6))
    Pipeline(database, Predictors(database), settings).run(ids)
    labels = count(database, LabelRow)
    end(database, ids[:4], Status.SUCCEEDED, 31)
    end(database, ids[4:], Status.SUCCEEDED, 29)
    (waiting,) = submitted(["file:///later.png"])
    assert sum(purge_jobs(database, MONTH, dry_run=True)) == 4
    assert count(database, JobRow) == 7
    assert sum(purge_jobs(database, MONTH)) == 4
    with database.read() as session:
        assert session.scalars(select(JobRow.id).order_by(JobRow.id)).all() == [*ids[4:], waiting]
        assert session.scalars(select(DecisionRow.job_id).order_by(DecisionRow.job_id)).all() == ids[4:]
    assert (count(database, LabelRow), count(database, AssetRow), count(database, OutboxRow)) == (labels, 7, 1)
    assert sum(purge_jobs(database, MONTH)) == 0


def test_an_old_job_that_has_not_ended_is_kept(database: Database, submitted: Submitted) -> None:
    """And one that was retried by now; a choice of states spares the others."""
    ids = submitted([f"file:///{number}.png" for number in range(4)])
    end(database, ids, Status.DEAD, 40)
    end(database, ids[1:2], Status.FAILED, 40)
    retry_job(database, ids[0])
    assert sum(purge_jobs(database, MONTH, statuses=[Status.FAILED])) == 1
    assert sum(purge_jobs(database, MONTH)) == 2
    with database.read() as session:
        assert session.scalars(select(JobRow.id)).all() == ids[:1]


def test_a_purge_goes_in_small_steps_and_stops_where_all_is_new(database: Database, submitted: Submitted) -> None:
    """A page of a thousand each, over a gap in the ids; recent jobs behind are not walked."""
    ids = submitted([f"file:///{number}.png" for number in range(4500)])
    end(database, ids[:1500], Status.SUCCEEDED, 40)
    assert list(purge_jobs(database, MONTH)) == [1000, 500]
    assert list(purge_jobs(database, MONTH)) == []
