"""The Prometheus metrics of this process, and the one hook that the stages of the pipeline call."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import event
from sqlalchemy.orm import Session

from worker.states import Code, Status
from worker.telemetry.tracing import span

REGISTRY = CollectorRegistry()

_SIZES = tuple(2**n for n in range(11))
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)

BATCH_SIZE = Histogram("cladist_batch_size", "Assets in one forward pass.", buckets=_SIZES, registry=REGISTRY)
STAGE_SECONDS = Histogram(
    "cladist_stage_seconds", "Time in a stage of the pipeline.", ["stage"], buckets=_SECONDS, registry=REGISTRY
)
CLAIMED = Counter("cladist_claimed", "Jobs claimed by this worker.", registry=REGISTRY)
ENDED = Counter("cladist_jobs_ended", "Jobs that ended, by status.", ["status"], registry=REGISTRY)
DEAD = Counter("cladist_dead", "Jobs that died, by the code they died with.", ["reason"], registry=REGISTRY)
REAPED = Counter("cladist_reaped", "Leases that ended with their worker.", registry=REGISTRY)
REPUBLISHED = Counter("cladist_republished", "Jobs published again that nobody had claimed.", registry=REGISTRY)
THREAD_ERRORS = Counter(
    "cladist_thread_errors", "Errors that a thread outlived.", ["thread", "error"], registry=REGISTRY
)
UNREADABLE = Counter(
    "cladist_unreadable_messages", "Messages that nobody could read, by what was wrong.", ["reason"], registry=REGISTRY
)
DELIVERED = Counter("cladist_events_delivered", "Events that a sink has taken.", ["sink"], registry=REGISTRY)
SINK_FAILURES = Counter("cladist_sink_failures", "Times that a sink took no events.", ["sink"], registry=REGISTRY)
SINK_LAG = Gauge(
    "cladist_sink_lag_seconds",
    "How long the first event waits that a sink was not told.",
    ["sink"],
    registry=REGISTRY,
)
WEBHOOKS_DELIVERED = Counter(
    "cladist_webhooks_delivered", "Deliveries that a webhook has taken.", ["webhook"], registry=REGISTRY
)
WEBHOOK_FAILURES = Counter(
    "cladist_webhook_failures", "Times that a webhook took no delivery.", ["webhook"], registry=REGISTRY
)
WEBHOOKS_GIVEN_UP = Counter(
    "cladist_webhooks_given_up", "Deliveries that were not taken for three days.", ["webhook"], registry=REGISTRY
)
WEBHOOK_LAG = Gauge(
    "cladist_webhook_lag_seconds",
    "How long the first delivery waits that a webhook has not taken.",
    ["webhook"],
    registry=REGISTRY,
)
API_REQUESTS = Counter(
    "cladist_api_requests", "Requests that were answered.", ["method", "route", "status"], registry=REGISTRY
)
API_SECONDS = Histogram(
    "cladist_api_seconds", "Time to answer a request.", ["route"], buckets=_SECONDS, registry=REGISTRY
)
OLDEST_PENDING = Gauge("cladist_oldest_pending_seconds", "Age of the oldest queued job.", registry=REGISTRY)
OUTBOX_LAG = Gauge("cladist_outbox_lag_seconds", "How long the first due outbox row waits.", registry=REGISTRY)
JOBS = Gauge("cladist_jobs", "Jobs by status, counted up to 10,000.", ["status"], registry=REGISTRY)

for _status in (Status.SUCCEEDED, Status.FAILED, Status.DEAD):
    ENDED.labels(_status.value)
DEAD.labels(Code.OUT_OF_ATTEMPTS.value)  # a counter that is there from the first can be watched for its first step


@contextmanager
def stage(name: str, batch: int | None = None) -> Iterator[None]:
    """Time a stage, as a metric and as a span; `batch` is the number of assets of a forward pass.

    Usable as a decorator too.
    """
    if batch is not None:
        BATCH_SIZE.observe(batch)
    started = time.perf_counter()
    try:
        with span(name, {} if batch is None else {"cladist.batch_size": batch}):
            yield
    finally:
        STAGE_SECONDS.labels(name).observe(time.perf_counter() - started)


def count_ended(session: Session, status: Status, code: Code | None, count: int) -> None:
    """Count jobs that ended, once this transaction is committed."""

    def committed(_session: Session) -> None:
        ENDED.labels(status.value).inc(count)
        if status is Status.DEAD:
            DEAD.labels(code.value if code else "unknown").inc(count)

    event.listen(session, "after_commit", committed, once=True)


def work_done() -> float:
    """A number that grows with every claim and every stage: while it stands still, this worker does nothing."""
    samples = (sample for metric in (CLAIMED, STAGE_SECONDS) for found in metric.collect() for sample in found.samples)
    return sum(sample.value for sample in samples if sample.name.endswith(("_total", "_count")))
