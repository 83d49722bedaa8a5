"""`cladist top`, for people and for programs."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from fixture_types import MakeImages, Submitted
from sqlalchemy import update

from worker.cli.service.top import top
from worker.db.tables import JobRow
from worker.jobs.claims import claim_jobs
from worker.process.bootstrap import Services
from worker.settings import Settings


@pytest.fixture
def runner(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Runs commands on the test's database."""
    monkeypatch.setenv("CLADIST_DATABASE_URL", settings.database_url)
    return CliRunner()


def test_a_program_gets_one_object(
    runner: CliRunner, services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """Counts by status, rates of the last minute, and who holds jobs."""
    services.pipeline.run(submitted([*make_images(6), "file:///none.png"]))
    held = submitted(["file:///a.png", "file:///b.png", "file:///c.png"])
    claim_jobs(services.database, held[:2], "host:1", 60)
    done = runner.invoke(top, ["--once", "--json"])
    assert done.exit_code == 0, done.output
    seen = json.loads(done.output)
    assert seen["counts"] == {"queued": 1, "running": 2, "failed": 1, "dead": 0}
    assert seen["rates_per_s"] == {"succeeded": 0.1, "failed": pytest.approx(1 / 60, abs=1e-3), "dead": 0.0}
    assert [(queue["queue"], queue["paused"]) for queue in seen["queues"]] == [("default", False)]
    ((worker,),) = [seen["workers"]]
    assert (worker["worker"], worker["jobs"], worker["retries"]) == ("host:1", 2, 0)
    assert 0 < worker["lease_left_s"] <= 60
    assert 0 < seen["oldest_pending_s"] < 600


def test_a_person_sees_a_lost_worker(runner: CliRunner, services: Services, submitted: Submitted) -> None:
    """Whose lease has ended; names are shown as they are, not as markup."""
    ids = submitted(["file:///a.png"])
    claim_jobs(services.database, ids, "[red]host:1", 60)
    with services.database.write() as session:
        past = session.now().replace(year=2020)
        session.execute(update(JobRow).values(lease_until=past))
    done = runner.invoke(top, ["--once"])
    assert done.exit_code == 0, done.output
    assert "[red]host:1" in done.output
    assert "ended" in done.output
    assert "oldest pending" in done.output
    assert "default" in done.output


@contextmanager
def following(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    # What runs the tests in the background may have them ignore Ctrl-C.
    hear = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    script = f"{hear}; from worker.cli.main import main; main()"
    command = [sys.executable, "-c", script, "top", "--json", "--every", "0.2"]
    env = {"CLADIST_DATABASE_URL": settings.database_url}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_goes_on_until_it_is_told_to_stop(settings: Settings, services: Services, submitted: Submitted) -> None:
    """One object a line, each of a new look; Ctrl-C ends it without a traceback."""
    with following(settings) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["counts"]["queued"] == 0
        submitted(["file:///a.png"])
        while json.loads(process.stdout.readline())["counts"]["queued"] == 0:
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    del services
