"""A Celery task of the host's own app, called by name with each event."""

import re
from collections.abc import Sequence
from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from worker.errors import SinkError
from worker.sinks.protocol import Delivery
from worker.telemetry.redaction import safe_message

_TARGET = re.compile(r"(?P<task>[A-Za-z_][\w.-]{0,127})(:(?P<queue>[\w.-]{1,64}))?(@(?P<broker>[a-z+]+://\S+))?")
_HOSTS_QUEUE = "celery"  # where an app looks that was not told otherwise
_TIMEOUT_S = 10
_AMQP, _REDIS = ("amqp:", "amqps:", "pyamqp:"), ("redis:", "rediss:")


class CeleryTask:
    """Sends `TASK(payload)`, JSON, to a queue of the host's app; nothing is run here, and no result is waited for.

    The target is TASK, TASK:QUEUE, and either with @BROKER_URL, where the host's broker is another one than ours. On
    RabbitMQ the queue is the host's to make: until it is there, events wait.
    """

    def __init__(self, target: str, broker_url: str) -> None:
        """A target that is none of these raises SinkError, and so does a broker of this process alone."""
        found = _TARGET.fullmatch(target)
        if found is None:
            raise SinkError("expected TASK, TASK:QUEUE or TASK:QUEUE@BROKER_URL, as in celery:host.tasks.classified")
        url = found["broker"] or broker_url
        if not url.startswith((*_AMQP, *_REDIS)):
            raise SinkError("a Celery task needs a broker that its app can reach: redis://... or amqp://...")
        self._task, self._queue = found["task"], found["queue"] or _HOSTS_QUEUE
        self._is_amqp = url.startswith(_AMQP)
        parts = ("celery:", found["task"], f":{found['queue']}" if found["queue"] else "")
        self.name = "".join(parts) + (f"@{safe_message(found['broker'])}" if found["broker"] else "")
        self._app = _make_app(url, self._queue)

    def deliver(self, events: Sequence[Delivery]) -> None:
        """Send one message for each event. Raises what the broker's library does."""
        if self._is_amqp:  # which drops what is sent to a queue that is not there
            with self._app.connection_for_write() as connection:
                Queue(self._queue, channel=connection.default_channel).queue_declare(passive=True)
        with self._app.producer_or_acquire() as producer:
            for event in events:
                sent: dict[str, Any] = {"queue": self._queue, "retry": False, "confirm_timeout": _TIMEOUT_S}
                self._app.send_task(self._task, args=[event.payload], producer=producer, ignore_result=True, **sent)


def _make_app(url: str, queue: str) -> Celery:
    app = Celery("cladist-sink", broker=url, set_as_current=False)
    timeouts = {"socket_timeout": _TIMEOUT_S, "socket_connect_timeout": _TIMEOUT_S}
    confirmed = {"confirm_publish": True, "connect_timeout": _TIMEOUT_S}
    app.conf.update(
        task_serializer="json",
        task_default_queue=queue,
        task_queues=[Queue(queue, Exchange(""), routing_key=queue, no_declare=True)],
        broker_transport_options=confirmed if url.startswith(_AMQP) else timeouts,
    )
    return app
