"""Messages that nobody can read, and a broker that refuses: the worker outlives both."""

import base64
import json
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import redis
from celery.worker.consumer import Consumer
from fixture_types import MakeImages, Submitted
from job_rows import statuses
from kombu import Connection, Queue
from waiting import wait_until

from worker.errors import ConsumerEndedError
from worker.process.bootstrap import Services
from worker.process.celery_app import publisher
from worker.process.celery_consumer import stop_consuming
from worker.process.service import run_worker
from worker.settings import Settings
from worker.telemetry.metrics import UNREADABLE

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


@pytest.fixture(params=["redis", "rabbitmq"])
def settings(request: pytest.FixtureRequest, postgres_url: str) -> Settings:
    """PostgreSQL, and a Redis of this test alone or RabbitMQ."""
    wanted = {"redis": "forgetful_redis", "rabbitmq": "rabbitmq_url"}[request.param]
    queue = f"test-{uuid.uuid4().hex}"
    return Settings(database_url=postgres_url, broker_url=request.getfixturevalue(wanted), queue=queue,
                    poll_s=0.05, reap_s=0.2, republish_s=1.0, batch_size=8)  # fmt: skip


only_redis = pytest.mark.parametrize("settings", ["redis"], indirect=True)


def unreadable() -> float:
    return sum(
        sample.value for metric in UNREADABLE.collect() for sample in metric.samples if sample.name.endswith("_total")
    )


def run_beside(services: Services, steps: Callable[[], None]) -> None:
    """A worker in this thread while the steps are taken in another; what they raise is raised."""
    failures: list[Exception] = []

    def take() -> None:
        try:
            steps()
        except Exception as error:  # noqa: BLE001 (raised below)
            failures.append(error)
        finally:
            stop_consuming()

    thread = threading.Thread(target=take)
    thread.start()
    run_worker(services)
    thread.join()
    if failures:
        raise failures[0]


def succeeded(services: Services, count: int) -> Callable[[], bool]:
    return lambda: statuses(services.database)["succeeded"] == count


@only_redis
def test_no_message_takes_a_worker_with_it(
    services: Services, submitted: Submitted, make_images: MakeImages, caplog: pytest.LogCaptureFixture
) -> None:
    """All are gone from the broker, counted, and told shortly without what they say; work goes on behind them."""
    before = unreadable()
    client = redis.Redis.from_url(services.settings.broker_url)
    client.lpush(services.settings.queue, *RAW)
    submitted(make_images(3))

    def steps() -> None:
        wait_until(lambda: unreadable() == before + len(RAW), "all to be counted")
        wait_until(succeeded(services, 3), "the work")
        wait_until(lambda: not client.hlen("unacked"), "all to be acknowledged")

    run_beside(services, steps)
    assert client.llen(services.settings.queue) == 0
    client.close()
    told = [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"]
    assert SECRET not in "".join(told)
    assert max(map(len, told)) < 4096


REFUSALS: list[tuple[str, Callable[[redis.Redis, str], object], Callable[[redis.Redis, str], object]]] = [
    (
        "a replica",
        lambda client, _: client.slaveof("127.0.0.1", 1),
        lambda client, _: client.slaveof(),
    ),
    (
        "a key of another type",
        lambda client, queue: client.set(queue, "mine"),
        lambda client, queue: client.delete(queue),
    ),
]


@only_redis
@pytest.mark.filterwarnings("ignore::celery.exceptions.CPendingDeprecationWarning")
@pytest.mark.parametrize(("what", "begin", "end"), REFUSALS, ids=[name for name, _, _ in REFUSALS])
def test_a_redis_that_refuses_is_a_lost_connection(
    services: Services,
    submitted: Submitted,
    make_images: MakeImages,
    caplog: pytest.LogCaptureFixture,
    what: str,
    begin: Callable[[redis.Redis, str], object],
    end: Callable[[redis.Redis, str], object],
) -> None:
    """The consumer asks again and again instead of ending, and works once Redis takes writes again."""
    client, queue = redis.Redis.from_url(services.settings.broker_url), services.settings.queue

    def steps() -> None:
        submitted(make_images(1))
        wait_until(succeeded(services, 1), "work before")
        begin(client, queue)
        wait_until(lambda: "Connection to broker lost" in caplog.text, f"{what} to be met")
        end(client, queue)
        submitted(make_images(3))
        wait_until(succeeded(services, 4), "work after")

    run_beside(services, steps)
    client.close()


@pytest.mark.parametrize("settings", ["rabbitmq"], indirect=True)
def test_rabbitmq_brings_no_message_twice_that_nobody_can_read(
    services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """Bodies and headers of every kind, by AMQP: thrown away, and work goes on behind them."""
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
    before, queue = unreadable(), services.settings.queue
    publisher(services.app)([10**9])  # makes the queue

    def steps() -> None:
        wait_until(lambda: unreadable() == before + len(bad) + 1, "all to be counted")
        wait_until(succeeded(services, 3), "the work")

    with Connection(services.settings.broker_url) as connection:
        producer = connection.Producer()
        for body, given in bad:
            producer.publish(
                body, routing_key=queue, headers=given, content_type="application/json", content_encoding="utf-8"
            )
        producer.publish(
            b"x", routing_key=queue, headers=good, content_type="application/x-none", content_encoding="binary"
        )
        submitted(make_images(3))
        run_beside(services, steps)
        Queue(queue, channel=connection.default_channel).delete()


@only_redis
def test_a_consumer_that_ends_unasked_says_so(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Celery ends of, the process is not to exit with 0."""
    monkeypatch.setattr(Consumer, "start", _fail)
    with pytest.raises(ConsumerEndedError, match="nobody had asked"):
        run_worker(services)


def _fail(_consumer: Consumer) -> None:
    raise ZeroDivisionError("a bug in Celery")
