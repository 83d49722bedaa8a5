"""What Celery's own signals tell, under the names that celery-exporter gives it, so that its dashboards fit."""

import socket
import time
from collections.abc import Callable
from typing import Any

from celery import signals
from celery.utils.dispatch import Signal
from prometheus_client import Counter, Gauge, Histogram

from worker.telemetry.metrics import REGISTRY

_LABELS = ("name", "hostname", "queue_name")

RECEIVED = Counter("celery_task_received", "Messages received.", _LABELS, registry=REGISTRY)
STARTED = Counter("celery_task_started", "Messages begun.", _LABELS, registry=REGISTRY)
SUCCEEDED = Counter("celery_task_succeeded", "Messages done.", _LABELS, registry=REGISTRY)
FAILED = Counter("celery_task_failed", "Messages that raised.", (*_LABELS, "exception"), registry=REGISTRY)
RUNTIME = Histogram("celery_task_runtime", "Seconds of a message.", _LABELS, registry=REGISTRY)
WORKER_UP = Gauge("celery_worker_up", "Whether this worker runs.", ("hostname",), registry=REGISTRY)
TASKS_ACTIVE = Gauge("celery_worker_tasks_active", "Messages at work.", ("hostname",), registry=REGISTRY)
QUEUE_LENGTH = Gauge("celery_queue_length", "Jobs queued, counted up to 10,000.", ("queue_name",), registry=REGISTRY)


def count_messages(queue: str) -> None:
    """Count what Celery tells of from here on; messages carry many jobs, and all come by this queue."""
    host = socket.gethostname()
    started: dict[str, float] = {}

    def received(request: Any = None, **_: Any) -> None:
        RECEIVED.labels(getattr(request, "name", ""), host, queue).inc()

    def begun(task_id: str, task: Any, **_: Any) -> None:
        started[task_id] = time.perf_counter()
        STARTED.labels(task.name, host, queue).inc()
        TASKS_ACTIVE.labels(host).inc()

    def ended(task_id: str, task: Any, **_: Any) -> None:
        TASKS_ACTIVE.labels(host).dec()
        RUNTIME.labels(task.name, host, queue).observe(time.perf_counter() - started.pop(task_id, time.perf_counter()))

    def succeeded(sender: Any = None, **_: Any) -> None:
        SUCCEEDED.labels(sender.name, host, queue).inc()

    def failed(sender: Any = None, exception: BaseException | None = None, **_: Any) -> None:
        FAILED.labels(sender.name, host, queue, type(exception).__name__).inc()

    def up(**_: Any) -> None:
        WORKER_UP.labels(host).set(1)

    def down(**_: Any) -> None:
        WORKER_UP.labels(host).set(0)

    receivers: tuple[tuple[Signal, Callable[..., None]], ...] = (
        (signals.task_received, received),
        (signals.task_prerun, begun),
        (signals.task_postrun, ended),
        (signals.task_success, succeeded),
        (signals.task_failure, failed),
        (signals.worker_ready, up),
        (signals.worker_shutdown, down),
    )
    for signal, receiver in receivers:  # one of each kind in a process, however often this is called
        uid = f"cladist.{receiver.__name__}"
        signal.disconnect(dispatch_uid=uid)
        signal.connect(receiver, weak=False, dispatch_uid=uid)
