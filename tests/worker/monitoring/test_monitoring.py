"""What a worker process tells of itself, asked as a monitor would ask it."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from fixture_types import MakeImages, Submitted
from free_port import free_port
from monitor_port import ask, values
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import update
from waiting import PATIENCE_S, wait_until
from worker_process import worker_process

from taxonomy import CladistError
from worker.db.tables import JobRow, OutboxRow
from worker.jobs.claims import claim_jobs
from worker.jobs.queries import open_jobs
from worker.jobs.transitions import mark_succeeded
from worker.monitoring.health import Health
from worker.monitoring.server import serve_monitors
from worker.process.bootstrap import Services
from worker.settings import Settings
from worker.telemetry import tracing
from worker.telemetry.metrics import REGISTRY, stage


@contextmanager
def monitored_worker(settings: Settings, **changes: object) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`cladist worker` with a port for monitors."""
    port = free_port()
    with worker_process(settings.model_copy(update={**changes, "monitor_port": port})) as process:
        yield process, port


def value(port: int, name: str, /, **labels: str) -> float | None:
    return next(iter(values(port, name, **labels)), None)


def test_a_worker_shows_what_it_does(
    settings: Settings, services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """Ready once it consumes; metrics count jobs, batches, stages and messages; the log is JSON to the last line."""
    submitted([*make_images(20), "file:///none.png"])
    with monitored_worker(settings) as (process, port):
        wait_until(lambda: ask(port, "/ready")[0] == 200, "the worker to be ready")
        wait_until(lambda: not open_jobs(services.database), "the jobs to end")
        assert ask(port, "/live") == (200, '{"ok": true, "reasons": []}')
        assert ask(port, "/elsewhere")[0] == 404
        assert value(port, "cladist_jobs_ended_total", status="succeeded") == 20
        assert value(port, "cladist_jobs_ended_total", status="failed") == 1
        assert value(port, "cladist_claimed_total") == 21
        assert value(port, "cladist_batch_size_sum") == 20
        for name in ("fetch", "decode", "predict", "store"):
            assert (value(port, "cladist_stage_seconds_count", stage=name) or 0) > 0
        for name in ("cladist_oldest_pending_seconds", "cladist_outbox_lag_seconds"):
            assert value(port, name) is not None
        assert value(port, "cladist_reaped_total") == 0
        assert value(port, "cladist_dead_total", reason="out_of_attempts") == 0
        wait_until(lambda: (value(port, "celery_task_succeeded_total", name="cladist.run_jobs") or 0) > 0, "Celery")
        assert value(port, "celery_worker_up") == 1
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=PATIENCE_S)
    lines = [json.loads(line) for line in log.splitlines()]
    assert lines[0]["event"].startswith("worker on ")
    (failed,) = [line for line in lines if "asset_not_found" in line["event"]]
    assert failed["attempt"] == 1
    assert isinstance(failed["job"], int)


@pytest.mark.service
@pytest.mark.parametrize("settings", ["servers"], indirect=True)
def test_a_worker_that_consumes_nothing_is_found_out(
    settings: Settings, services: Services, submitted: Submitted
) -> None:
    """Jobs are published and the broker has lost them: connected, idle, and not alive."""
    submitted(["file:///a.png"])
    with services.database.write() as session:
        late = session.now() + timedelta(minutes=5)  # the reaper is not to mend it meanwhile
        session.execute(update(JobRow).values(published_at=late))
        session.query(OutboxRow).delete()
    with monitored_worker(settings, stall_s=2.0) as (_, port):
        wait_until(lambda: ask(port, "/live")[0] == 503, "the stall to be told")
        assert "jobs are pending" in ask(port, "/live")[1]
        assert ask(port, "/ready")[0] == 503


def test_a_worker_without_its_broker_is_alive_and_not_ready(settings: Settings, services: Services) -> None:
    """It waits for the broker; to start it again would not help."""
    del services
    with monitored_worker(settings, broker_url="redis://127.0.0.1:1/0") as (_, port):
        wait_until(lambda: ask(port, "/live")[0] == 200, "the port to open")
        status, said = ask(port, "/ready")
        assert status == 503
        assert "not connected to the broker" in said


def test_a_port_that_is_taken_is_refused() -> None:
    """One line that names the setting."""
    health = Health(1.0)
    with serve_monitors("127.0.0.1", 0, health) as port:
        second = serve_monitors("127.0.0.1", port, health)
        with pytest.raises(CladistError, match=f"MONITOR_PORT.*{port}"):
            second.__enter__()


def test_slow_clients_keep_nobody_from_being_answered() -> None:
    """A hundred that never end their request: the next is answered, and threads stay within their bound."""
    before = threading.active_count()
    with serve_monitors("127.0.0.1", 0, Health(1e9)) as port:
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        for connection in slow:
            with contextlib.suppress(OSError):
                connection.sendall(b"GET /live HTTP/1.1\r\n")
        assert ask(port, "/live") == (200, '{"ok": true, "reasons": []}')
        assert threading.active_count() <= before + 1 + 16
        for connection in slow:
            connection.close()


def test_an_answer_that_fails_ends_no_thread() -> None:
    """What nobody expected while a monitor is answered is counted, and the next one is answered."""

    class Broken(Health):
        def hindrances(self) -> list[str]:
            raise ZeroDivisionError("a bug")

    labels = {"thread": "monitors", "error": "ZeroDivisionError"}
    before = REGISTRY.get_sample_value("cladist_thread_errors_total", labels) or 0.0
    with serve_monitors("127.0.0.1", 0, Broken(1e9)) as port:
        assert ask(port, "/ready") == (0, "")
        assert ask(port, "/live")[0] == 200
    assert REGISTRY.get_sample_value("cladist_thread_errors_total", labels) == before + 1


def test_a_transaction_that_fails_counts_no_job(services: Services, submitted: Submitted) -> None:
    """Jobs that ended are counted after the commit, not before."""

    def ended() -> float:
        return REGISTRY.get_sample_value("cladist_jobs_ended_total", {"status": "succeeded"}) or 0.0

    database = services.database
    claims = claim_jobs(database, submitted(["file:///a.png"]), "w", 60)
    before = ended()

    def fail() -> None:
        with database.write() as session:
            mark_succeeded(session, claims)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ended() == before
    with database.write() as session:
        mark_succeeded(session, claims)
    assert ended() == before + 1


def test_stages_are_spans(services: Services, submitted: Submitted, make_images: MakeImages) -> None:
    """A span for each stage, the batch size on the forward pass; none after tracing has stopped."""
    exporter = InMemorySpanExporter()
    tracing.start_tracing(exporter, at_once=True)
    services.pipeline.run(submitted(make_images(3)))
    tracing.stop_tracing()
    with stage("predict", 13):
        pass
    spans = exporter.get_finished_spans()
    counts = Counter(span.name for span in spans)
    assert counts.keys() == {f"cladist.{name}" for name in ("fetch", "decode", "predict", "store")}
    assert counts["cladist.fetch"] == counts["cladist.decode"] == 3
    predicted = [dict(span.attributes or {}) for span in spans if span.name == "cladist.predict"]
    assert sum(int(str(attributes["cladist.batch_size"])) for attributes in predicted) == 3


def test_a_worker_without_the_extra_imports_no_opentelemetry() -> None:
    """Nor does one that has it and does not want traces; to want them without it is refused in one line."""
    script = (
        "import sys; import worker.process.service, worker.process.bootstrap\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
        "sys.modules['opentelemetry.sdk'] = None\n"
        "from worker.telemetry.tracing import start_tracing\n"
        "try: start_tracing()\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "CladistError CLADIST_TRACES: OpenTelemetry is not installed: pip install 'cladist[otel]'\n"
