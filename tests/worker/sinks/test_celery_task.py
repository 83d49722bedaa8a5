"""A task of a host's own app, over real brokers."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from kombu import Connection, Consumer, Queue
from kombu.exceptions import OperationalError

from worker.sinks.celery_task import CeleryTask
from worker.sinks.protocol import Delivery
from worker.states import EventKind

pytestmark = pytest.mark.service

TASK = "host.tasks.classified"
EVENTS = [Delivery(number, EventKind.JOB_SUCCEEDED, {"id": number, "type": "job.succeeded"}) for number in (1, 2, 3)]


@pytest.fixture(params=["redis_url", "rabbitmq_url"])
def broker_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def queue(broker_url: str) -> Iterator[str]:
    """A name that no other test uses."""
    name = f"host-{uuid.uuid4().hex}"
    yield name
    with Connection(broker_url) as connection:
        channel: Any = connection.default_channel
        channel.queue_delete(name)


def declare(broker_url: str, queue: str, **arguments: Any) -> None:
    """As the host's worker does when it starts."""
    with Connection(broker_url) as connection:
        Queue(queue, channel=connection.default_channel, queue_arguments=arguments).declare()


def taken(broker_url: str, queue: str, count: int) -> list[tuple[dict[str, Any], Any]]:
    """Headers and body of the messages that a host's worker would take."""
    found: list[tuple[dict[str, Any], Any]] = []

    def on_message(body: Any, message: Any) -> None:
        found.append((message.headers, body))
        message.ack()

    with Connection(broker_url) as connection:
        mine = Queue(queue, no_declare=True)
        with Consumer(connection.default_channel, [mine], callbacks=[on_message], accept=["json"]):
            while len(found) < count:
                connection.drain_events(timeout=10)
    return found


def test_a_task_is_called_by_name_with_each_event(broker_url: str, queue: str) -> None:
    """In order, in JSON, once; the host's own queue is left as the host has made it."""
    declare(broker_url, queue, **({"x-max-length": 1000} if broker_url.startswith("amqp") else {}))
    CeleryTask(f"{TASK}:{queue}", broker_url).deliver(EVENTS)
    found = taken(broker_url, queue, 3)
    assert [headers["task"] for headers, _ in found] == [TASK] * 3
    assert [body[0] for _, body in found] == [[event.payload] for event in EVENTS]
    assert [body[1] for _, body in found] == [{}] * 3


def test_the_hosts_worker_runs_it(redis_url: str, queue: str) -> None:
    """A real Celery app takes the message as one of its own."""
    host = Celery("host", broker=redis_url, set_as_current=False)
    host.conf.update(task_default_queue=queue, broker_connection_retry_on_startup=False)
    seen: list[int] = []

    @host.task(name=TASK, shared=False)
    def classified(event: dict[str, Any]) -> None:
        seen.append(event["id"])

    CeleryTask(f"{TASK}:{queue}@{redis_url}", "memory://").deliver(EVENTS)
    for headers, (args, kwargs, _) in taken(redis_url, queue, 3):
        host.tasks[headers["task"]](*args, **kwargs)
    assert seen == [1, 2, 3]


def test_a_broker_that_is_away_is_an_error(queue: str) -> None:
    """Soon, and without a password in a loop of retries."""
    with pytest.raises(OperationalError):
        CeleryTask(f"{TASK}:{queue}", "redis://:secret@127.0.0.1:1/0").deliver(EVENTS)


def test_a_queue_that_the_host_has_not_made_is_waited_for(rabbitmq_url: str) -> None:
    """RabbitMQ would drop what is sent there. Once it is there, the same sink goes on."""
    queue = f"host-{uuid.uuid4().hex}"
    sink = CeleryTask(f"{TASK}:{queue}", rabbitmq_url)
    for _ in range(2):
        with pytest.raises(Exception, match="no queue"):
            sink.deliver(EVENTS)
    declare(rabbitmq_url, queue, **{"x-expires": 60_000})
    sink.deliver(EVENTS)
    assert len(taken(rabbitmq_url, queue, 3)) == 3
