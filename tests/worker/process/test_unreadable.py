"""Messages that nobody can read, and a broker that refuses: the worker outlives both."""

import base64
import json
import signal
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from fixture_types import MakeImages, Submitted
from free_port import free_port
from job_rows import statuses
from kombu import Connection, Queue
from monitor_port import ask, values
from waiting import PATIENCE_S, wait_until
from worker_process import worker_process

from worker.process.bootstrap import Services
from worker.settings import Settings

pytestmark = pytest.mark.service

SECRET = "a-text-that-stands-in-the-message"


def message(body: object = ([1], {}, {}), encoding: str = "base64", **changes: Any) -> dict[str, Any]:
    """A message as Celery's Redis transport stores it, of one job that does not exist."""
    text = json.dumps(body)
    headers = {"task": "cladist.run_jobs", "id": str(uuid.uuid4()), "lang": "py", "note": SECRET}
    properties = {
        "delivery_tag": str(uuid.uuid4()),
        "body_encoding": encoding,
        "delivery_info": {"exchange": "", "routing_key": "q"},
        "priority": 0,
        "delivery_mode": 2,
    }
    whole = {
        "body": base64.b64encode(text.encode()).decode() if encoding == "base64" else text,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    }
    return {**whole, **{key.replace("_", "-"): changed for key, changed in changes.items()}}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in message().items() if name != key}


def headers(**changes: Any) -> dict[str, Any]:
    return {**message()["headers"], **changes}


RAW: Sequence[bytes] = (
    b"5",
    b"null",
    b"",
    b"{",
    b"[" * 100_000,
    b"\xff\xfe",
    b'"text"',
    *(
        json.dumps(each).encode()
        for each in (
            without("body"),
            without("properties"),
            without("headers"),
            message(body="x" * 5_000_000),
            {**message(), "body": "not base64 !"},
            {**message(), "body": None},
            message(encoding="rot13"),
            message(content_type="application/x-python-serialize"),
            message(content_type="text/none"),
            message(content_encoding="no-such-code"),
            message(headers=headers(task="os.system")),
            message(headers=headers(task=["os.system"])),
            message(headers=headers(id=[1])),
            message(headers=headers(id={"a": 1})),
            message(headers=headers(eta="soon")),
            message(headers=headers(expires=[])),
            message(headers=headers(retries="x" * 100_000)),
            message(headers=5),
            message(body=5),
            message(body=None),
            message(body=[]),
            message(body=([[2**70]], {}, {})),
            message(body=([[1], [2]], {}, {})),
            message(body=([], {"job_ids": [1], SECRET: 1}, {})),
        )
    ),
)


@pytest.fixture(params=["servers"])
def settings(postgres_url: str, forgetful_redis: str) -> Settings:
    """PostgreSQL, and a Redis of this test alone."""
    queue = f"test-{uuid.uuid4().hex}"
    return Settings(database_url=postgres_url, broker_url=forgetful_redis, queue=queue, poll_s=0.05, reap_s=0.2,
                    republish_s=1.0, lease_s=5.0, monitor_port=free_port(), log_format="json")  # fmt: skip


@contextmanager
def running(settings: Settings, services: Services) -> Iterator[subprocess.Popen[str]]:
    """A worker that consumes; nothing of what the test put there first is left behind when the block ends."""
    del services
    with worker_process(settings) as process:
        wait_until(lambda: process.poll() is not None or ask(settings.monitor_port, "/ready")[0] == 200, "the worker")
        yield process


def stopped(process: subprocess.Popen[str]) -> str:
    """The log of a worker that was asked to end, and did, with 0."""
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, log[-2000:]
    return log


def test_no_message_takes_a_worker_with_it(
    settings: Settings, services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """All are gone from the broker, counted, and told shortly without what they say; real work goes on behind them."""
    client = redis.Redis.from_url(settings.broker_url)
    client.lpush(settings.queue, *RAW)
    submitted(make_images(3))
    with running(settings, services) as process:
        wait_until(lambda: process.poll() is not None or statuses(services.database)["succeeded"] == 3, "the work")
        port = settings.monitor_port
        wait_until(lambda: not client.llen(settings.queue) and not client.hlen("unacked"), "all to be acknowledged")
        counted = sum(values(port, "cladist_unreadable_messages_total"))
        log = stopped(process)
    client.close()
    assert counted == len(RAW)
    assert SECRET not in log
    assert max(map(len, log.splitlines())) < 4096


def test_a_replica_is_a_lost_connection(
    settings: Settings, services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """REPLICAOF a master that is not there: not ready, not ended, and at work again once Redis takes writes again."""
    client = redis.Redis.from_url(settings.broker_url)
    with running(settings, services) as process:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        wait_until(lambda: process.poll() is not None or ask(settings.monitor_port, "/ready")[0] == 503, "the refusal")
        client.execute_command("REPLICAOF", "NO", "ONE")
        submitted(make_images(3))
        wait_until(lambda: process.poll() is not None or statuses(services.database)["succeeded"] == 3, "the work")
        stopped(process)
    client.close()


def test_a_key_of_another_type_is_a_lost_connection(
    settings: Settings, services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """SET of the queue's key: at work again once it is gone."""
    client = redis.Redis.from_url(settings.broker_url)
    with running(settings, services) as process:
        client.set(settings.queue, "mine")
        submitted(make_images(3))
        wait_until(lambda: process.poll() is not None or ask(settings.monitor_port, "/ready")[0] == 503, "the refusal")
        client.delete(settings.queue)
        wait_until(lambda: process.poll() is not None or statuses(services.database)["succeeded"] == 3, "the work")
        stopped(process)
    client.close()


def test_rabbitmq_brings_no_message_twice_that_nobody_can_read(
    settings: Settings, services: Services, rabbitmq_url: str, submitted: Submitted, make_images: MakeImages
) -> None:
    """Bodies and headers of every kind, by AMQP: thrown away, and real work goes on behind them."""
    settings = settings.model_copy(update={"broker_url": rabbitmq_url})
    good = {"task": "cladist.run_jobs", "id": str(uuid.uuid4())}
    bad: list[tuple[bytes, dict[str, Any]]] = [
        (b"5", good),
        (b"\xff", good),
        (b"", {}),
        (b"null", {}),
        (b"[[1], {}, {}]", {**good, "id": [1]}),
        (b"[[1], {}, {}]", {**good, "task": "os.system"}),
        (b"[[1], {}, {}]", {**good, "eta": "soon"}),
    ]
    with running(settings, services) as process, Connection(rabbitmq_url) as connection:
        queue = Queue(settings.queue, queue_arguments={"x-queue-type": "quorum"})
        for body, given in bad:
            connection.Producer().publish(
                body, routing_key=queue.name, headers=given, content_type="application/json", content_encoding="utf-8"
            )
        connection.Producer().publish(b"x", routing_key=queue.name, headers=good, content_type="application/x-none")
        submitted(make_images(3))
        wait_until(lambda: process.poll() is not None or statuses(services.database)["succeeded"] == 3, "the work")
        port, name = settings.monitor_port, "cladist_unreadable_messages_total"
        wait_until(lambda: process.poll() is not None or sum(values(port, name)) == len(bad) + 1, "all to be counted")
        log = stopped(process)
        connection.default_channel.queue_delete(settings.queue)
    assert "os.system" not in log
