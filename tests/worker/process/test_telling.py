"""A whole worker with sinks: one file is written, another sink is down, a third stands still; jobs go on."""

import json
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from fake_sinks import ListSink, StuckSink
from fixture_types import MakeImages, Submitted
from free_port import free_port
from job_rows import statuses
from sqlalchemy import select
from waiting import wait_until
from worker_process import worker_process

from worker.db.tables import SinkRow
from worker.jobs.submission import Request, submit
from worker.process.bootstrap import Services, bootstrap
from worker.process.service import run_worker
from worker.settings import Settings


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_drained_worker_has_told_everything(
    settings: Settings, services: Services, submitted: Submitted, make_images: MakeImages, tmp_path: Path
) -> None:
    """Every end of a job and of its batch is a line of the file, once, before the worker ends."""
    path = tmp_path / "events.jsonl"
    made = bootstrap(settings.model_copy(update={"sinks": (f"jsonl:{path}",)}))
    ids = submitted([*make_images(5), "file:///none.png"])
    run_worker(made, drain=True)
    made.close()
    found = lines(path)
    assert Counter(event["type"] for event in found) == {"job.succeeded": 5, "job.failed": 1, "batch.finished": 1}
    told = [event["job"] for event in found if event["job"]]
    assert sorted(job["job"] for job in told if isinstance(job, dict)) == ids
    numbers = [event["id"] for event in found]
    assert numbers == sorted(numbers, key=lambda number: int(str(number)))
    with services.database.read() as tx:
        (row,) = tx.scalars(select(SinkRow))
        assert (row.owner, row.lease_until, row.failures) == (None, None, 0)


def test_sinks_that_are_ill_delay_neither_jobs_nor_others(
    services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """One is down, one never comes back: jobs end, the third sink is told, and the worker stops when it is asked to."""
    down, stuck, well = ListSink("down"), StuckSink(), ListSink("well")
    down.is_down = True
    settings = services.settings.model_copy(update={"stop_s": 1.0, "retry_base_s": 0.5})
    ill = Services(settings, services.database, services.app, services.pipeline, services.finished, (down, stuck, well))
    submitted(make_images(6))
    run_worker(ill, drain=True)
    stuck.go_on.set()
    assert statuses(services.database) == {"succeeded": 6}
    assert [event.type for event in well.told] == ["job.succeeded"] * 6 + ["batch.finished"]
    with services.database.read() as tx:
        rows = {row.name: row for row in tx.scalars(select(SinkRow))}
        assert rows["down"].failures > 0
        assert (rows["down"].cursor, rows["well"].cursor) == (0, 7)


@pytest.mark.service
def test_a_sink_that_is_down_is_seen_and_a_worker_stays_ready(
    settings: Settings, services: Services, make_images: MakeImages, tmp_path: Path
) -> None:
    """By its metrics, while `/ready` says yes; once it is back it gets what it missed."""
    folder, away = tmp_path / "events", tmp_path / "away"
    folder.mkdir()
    path, port = folder / "events.jsonl", free_port()
    changes = {"sinks": (f"jsonl:{path}",), "monitor_port": port, "retry_base_s": 0.2}

    def answer(page: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}") as response:
            return str(response.read().decode())

    def value(name: str) -> float:
        found = [line for line in answer("metrics").splitlines() if line.startswith(f'{name}{{sink="jsonl:{path}"}}')]
        return float(found[0].split()[-1]) if found else 0.0

    with worker_process(settings.model_copy(update=changes)):
        wait_until(lambda: _is_there(port), "the port")
        folder.rename(away)
        list(submit(services.database, [Request(uri) for uri in make_images(3)]))
        wait_until(lambda: value("cladist_sink_failures_total") > 0, "a failure")
        wait_until(lambda: value("cladist_sink_lag_seconds") > 0, "the lag")
        wait_until(lambda: answer("ready") is not None, "a worker that is ready")
        away.rename(folder)
        wait_until(lambda: len(lines(path)) == 4, "what was missed")
        wait_until(lambda: value("cladist_events_delivered_total") == 4, "the count")


def _is_there(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").close()
    except OSError:
        return False
    return True
