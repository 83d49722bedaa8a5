"""The Celery application: JSON messages of job ids on one queue, acknowledged once its jobs are claimed."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from worker.errors import BrokerError
from worker.settings import Settings

TASK = "cladist.run_jobs"
MAX_IDS = 1024  # job ids in one message, at most
_SOCKET_TIMEOUT_S = 10
_REDIS, _AMQP = ("redis:", "rediss:"), ("amqp:", "amqps:", "pyamqp:")
_EMBEDDED_POLL_S = 0.005  # the in-process broker is looked at after every message, and costs next to nothing


def make_app(settings: Settings) -> Celery:
    """A Celery app for this broker; nothing is connected yet."""
    app = Celery("cladist", broker=settings.broker_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_default_queue=settings.queue,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_channel_error_retry=True,  # a replica, a key of another type, a full disk: the broker will be back
        broker_transport_options=_transport_options(settings),
    )
    if settings.broker_url.startswith(_AMQP):
        app.conf.update(
            task_default_queue_type="quorum",  # kept by several nodes; Celery asks for no global QoS then
            broker_native_delayed_delivery_queue_type="classic",  # Celery makes 28 of these, of which we use none
        )
    return app


def publisher(app: Celery) -> Callable[[Sequence[int]], None]:
    """A function that publishes one message of job ids; it raises BrokerError when the broker does not take it."""
    with app.connection_for_write() as connection:  # not opened, only asked what its transport may raise
        declared = *connection.connection_errors, *connection.channel_errors
    known: tuple[type[BaseException], ...] = (OperationalError, *declared)

    def publish(job_ids: Sequence[int]) -> None:
        try:
            app.send_task(TASK, args=[list(job_ids)], retry=False, confirm_timeout=_SOCKET_TIMEOUT_S)
        except known as error:
            raise BrokerError(f"the broker took no message: {str(error) or type(error).__name__}") from error

    return publish


def checked_ids(value: Any) -> list[int]:
    """Job ids out of a message; ValueError on anything else, as messages are hostile until checked."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_IDS:
        raise ValueError(f"expected a list of 1 to {MAX_IDS} job ids")
    if not all(type(job_id) is int and 0 < job_id < 2**63 for job_id in value):
        raise ValueError("job ids are positive whole numbers")
    return value


def _transport_options(settings: Settings) -> dict[str, Any]:
    if settings.broker_is_embedded:
        return {"polling_interval": min(settings.poll_s, _EMBEDDED_POLL_S)}
    if settings.broker_url.startswith(_REDIS):
        return {
            "socket_timeout": _SOCKET_TIMEOUT_S,
            "socket_connect_timeout": _SOCKET_TIMEOUT_S,
            "visibility_timeout": math.ceil(2 * settings.lease_s),  # Redis gives an unacknowledged message back then
            "unacked_restore_throttle": 10,  # looked for at every tenth empty poll of 0.1 s: every second
        }
    if settings.broker_url.startswith(_AMQP):
        return {"confirm_publish": True, "connect_timeout": _SOCKET_TIMEOUT_S}
    return {}
