"""A worker under observation: the port, the pulse, and a look at the database now and then."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from celery import Celery

from worker.db.engine import Database
from worker.monitoring.health import Health, watch_consumer
from worker.monitoring.job_stats import read_job_stats
from worker.monitoring.server import serve_monitors
from worker.settings import Settings
from worker.sinks.cursors import read_lags
from worker.supervision.lasting import LastingThread
from worker.supervision.pulses import Pulses
from worker.telemetry.celery_events import QUEUE_LENGTH, count_messages
from worker.telemetry.metrics import JOBS, OLDEST_PENDING, OUTBOX_LAG, SINK_LAG, WEBHOOK_LAG, work_done
from worker.telemetry.tracing import start_tracing
from worker.webhooks.endpoints import read_webhook_lags

_SAMPLE_S = 5.0
_SAMPLES_PER_STALL = 4


@contextmanager
def monitored(settings: Settings, database: Database, app: Celery, pulses: Pulses) -> Iterator[None]:
    """Show this worker to monitors while the block runs; nothing is opened unless the settings ask for it."""
    if settings.traces:
        start_tracing()
    if not settings.monitor_port:
        yield
        return
    health = Health(settings.stall_s, pulses=pulses)
    watch_consumer(app, health)
    count_messages(settings.queue)
    sampling = _sampling(database, health, settings, pulses)
    with serve_monitors(settings.monitor_host, settings.monitor_port, health), sampling:
        yield


def sample(database: Database, health: Health, queue: str) -> None:
    """Look at the jobs once: set the gauges, and tell the worker's health of it. Raises DatabaseError."""
    with database.read() as tx:
        stats = read_job_stats(tx)
        lags = read_lags(tx)
        webhook_lags = read_webhook_lags(tx)
    OLDEST_PENDING.set(stats.oldest_pending_s)
    OUTBOX_LAG.set(stats.outbox_lag_s)
    for status, count in stats.counts.items():
        JOBS.labels(status).set(count)
    SINK_LAG.clear()  # of sinks that were forgotten
    for sink, lag_s in lags.items():
        SINK_LAG.labels(sink).set(lag_s)
    WEBHOOK_LAG.clear()
    for webhook_id, lag_s in webhook_lags.items():
        WEBHOOK_LAG.labels(str(webhook_id)).set(lag_s)
    QUEUE_LENGTH.labels(queue).set(stats.counts["queued"])
    health.sampled(is_pending=stats.is_published_pending, work=work_done())


@contextmanager
def _sampling(database: Database, health: Health, settings: Settings, pulses: Pulses) -> Iterator[None]:
    stop = threading.Event()
    pause_s = min(_SAMPLE_S, settings.stall_s / _SAMPLES_PER_STALL)

    def look() -> None:
        sample(database, health, settings.queue)

    thread = LastingThread("monitor", look, pulses=pulses, bound_s=settings.stuck_s, stop=stop, pause_s=pause_s)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
