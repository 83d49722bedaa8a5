"""A whole worker process: queue, broker, consumer, relay and reaper together."""

import signal

import pytest
import redis
from fixture_types import MakeImages, Submitted
from sqlalchemy import func, select
from waiting import PATIENCE_S, wait_until
from worker_process import worker_process

from worker.db.engine import Database
from worker.db.tables import JobRow, LabelRow
from worker.dispatch.relay import relay_once
from worker.jobs.queries import open_jobs, wait_for_jobs
from worker.process.bootstrap import Services, bootstrap
from worker.process.celery_app import checked_ids
from worker.process.service import run_worker
from worker.settings import Settings
from worker.states import Status
from worker.telemetry.metrics import REGISTRY


def count(database: Database, status: Status) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(JobRow).where(JobRow.status == status)) or 0


def test_a_drained_worker_has_ended_every_job(
    services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """Submit, run, done: by way of the outbox, the broker and Celery; a bad asset fails alone."""
    ids = submitted([*make_images(20), "file:///none.png"])
    run_worker(services, drain=True)
    assert not open_jobs(services.database)
    assert count(services.database, Status.SUCCEEDED) == 20
    assert count(services.database, Status.FAILED) == 1
    assert wait_for_jobs(services.database, ids, 0.0, 0.01)


def test_waiting_is_bounded(services: Services, submitted: Submitted) -> None:
    """Without a worker the wait ends with its time."""
    assert not wait_for_jobs(services.database, submitted(["file:///a.png"]), 0.05, 0.01)


@pytest.mark.service
def test_a_broker_that_forgets_everything_loses_no_job(
    postgres_url: str,
    forgetful_redis: str,
    settings: Settings,
    request: pytest.FixtureRequest,
) -> None:
    """FLUSHALL between publish and work: the reaper publishes again and every job succeeds."""
    if settings.broker_is_embedded:
        settings = settings.model_copy(update={"database_url": postgres_url})
    forgetful = settings.model_copy(update={"broker_url": forgetful_redis, "republish_s": 0.2})
    services, ids = _published(forgetful, request)
    connection = redis.Redis.from_url(forgetful_redis)
    assert connection.llen(forgetful.queue) > 0
    connection.flushall()
    connection.close()
    run_worker(services, drain=True)
    assert count(services.database, Status.SUCCEEDED) == len(ids)
    services.close()


def _published(settings: Settings, request: pytest.FixtureRequest) -> tuple[Services, list[int]]:
    """A worker's parts, and jobs that lie in the broker."""
    from worker.jobs.submission import Request, submit  # noqa: PLC0415 (of this helper alone)
    from worker.models.registration import add_bundle  # noqa: PLC0415 (of this helper alone)
    from worker.process.celery_app import publisher  # noqa: PLC0415 (of this helper alone)

    database = Database(settings.database_url)
    database.upgrade()
    database.close()
    services = bootstrap(settings)
    folder = request.getfixturevalue("tmp_path") / "flushed"
    add_bundle(services.database, request.getfixturevalue("make_bundle")(folder).folder)
    uris = request.getfixturevalue("make_images")(12)
    ids = [job_id for chunk in submit(services.database, map(Request, uris)) for job_id in chunk]
    relay_once(services.database, publisher(services.app), message_size=4, ahead=100, window=100)
    return services, ids


def test_kill_9_loses_no_job_and_doubles_no_label(
    settings: Settings, services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """A worker killed in the middle of its work: another ends every job, each asset labelled once."""
    mortal = settings.model_copy(update={"lease_s": 1.0, "message_size": 4, "republish_s": 1.0, "max_attempts": 5})
    ids = submitted(make_images(60) * 5)
    with worker_process(mortal) as process:
        wait_until(lambda: count(services.database, Status.SUCCEEDED) > 0, "the first success")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert open_jobs(services.database)
    successor = bootstrap(mortal)
    run_worker(successor, drain=True)
    successor.close()
    assert count(services.database, Status.SUCCEEDED) == len(ids)
    with services.database.read() as session:
        pairs = session.execute(select(LabelRow.asset_id, LabelRow.level)).all()
    assert len(pairs) == len(set(pairs))


def test_sigterm_ends_a_worker_cleanly(
    settings: Settings, services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """What is in flight is finished: no job is left running, the exit is clean, and nothing was done twice."""
    submitted(make_images(40) * 5)
    with worker_process(settings) as process:
        wait_until(lambda: count(services.database, Status.SUCCEEDED) > 0, "the first success")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0
    assert count(services.database, Status.RUNNING) == 0
    run_worker(services, drain=True)
    with services.database.read() as session:
        assert set(session.scalars(select(JobRow.attempt))) == {1}


@pytest.mark.parametrize("message", [[], ["1"], [True], [0], [2**63], "1", {"a": 1}, None, list(range(1, 3000))])
def test_hostile_messages_are_refused(services: Services, message: object) -> None:
    """Anything but a list of job ids is refused before the database is asked, and the message thrown away."""
    with pytest.raises(ValueError, match="job ids"):
        checked_ids(message)
    before = REGISTRY.get_sample_value("cladist_unreadable_messages_total", {"reason": "no job ids"}) or 0
    services.app.tasks["cladist.run_jobs"](message)
    after = REGISTRY.get_sample_value("cladist_unreadable_messages_total", {"reason": "no job ids"})
    assert after == before + 1
