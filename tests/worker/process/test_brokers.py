"""Redis and RabbitMQ by the real servers: what a broker is asked for, and whole runs over each of them."""

import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from amqp.exceptions import PreconditionFailed
from fixture_types import MakeImages, Submitted
from sqlalchemy import select

from worker.db.tables import JobRow
from worker.dispatch.relay import relay_once
from worker.errors import BrokerError
from worker.process.bootstrap import Services
from worker.process.celery_app import make_app, publisher
from worker.process.celery_consumer import LOOK_S
from worker.process.service import run_worker
from worker.settings import Settings

pytestmark = pytest.mark.service


@pytest.fixture(params=["redis_url", "rabbitmq_url"])
def settings(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[Settings]:
    """PostgreSQL, with each of the brokers, and a queue that is gone afterwards."""
    broker_url = request.getfixturevalue(request.param)
    values: dict[str, Any] = {"queue": f"test-{uuid.uuid4().hex}", "poll_s": 0.02, "reap_s": 0.05, "batch_size": 8}
    made = Settings(database_url=postgres_url, broker_url=broker_url, **values)
    yield made
    delete_queue(made)


def delete_queue(settings: Settings) -> None:
    with make_app(settings).connection_for_write() as connection:
        channel: Any = connection.default_channel
        channel.queue_delete(settings.queue)


def statuses(services: Services) -> Counter[str]:
    with services.database.read() as session:
        return Counter(session.scalars(select(JobRow.status)))


def test_a_drained_worker_has_ended_every_job(
    services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """Over each broker: twenty succeed, one fails alone."""
    submitted([*make_images(20), "file:///none.png"])
    run_worker(services, drain=True)
    assert statuses(services) == {"succeeded": 20, "failed": 1}


def test_a_queue_that_vanished_loses_no_job(services: Services, submitted: Submitted, make_images: MakeImages) -> None:
    """Deleted with all its messages between publish and work: the reaper publishes again and every job succeeds."""
    submitted(make_images(20))
    publish = publisher(services.app)
    assert relay_once(services.database, publish, message_size=4, ahead=100, window=100) == 20
    delete_queue(services.settings)
    hasty = Services(
        services.settings.model_copy(update={"republish_s": 0.2}),
        services.database,
        services.app,
        services.pipeline,
        services.finished,
    )
    run_worker(hasty, drain=True)
    assert statuses(services) == {"succeeded": 20}


def test_the_broker_is_asked_for_what_matters(settings: Settings) -> None:
    """Redis: lost messages come back soon. RabbitMQ: quorum queues, and publisher confirms."""
    app = make_app(settings)
    publisher(app)([1])
    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        if settings.broker_url.startswith("redis"):
            assert channel.visibility_timeout == 120
            assert app.conf.broker_transport_options["unacked_restore_throttle"] * LOOK_S <= 1
            return
        assert connection.connection.confirm_publish
        channel.queue_declare(settings.queue, passive=True)
        with pytest.raises(PreconditionFailed, match="x-queue-type"):
            channel.queue_declare(settings.queue, durable=True, auto_delete=False)


def test_a_broker_that_is_not_there_is_one_line(settings: Settings) -> None:
    """An error that the relay outlives, whatever the transport calls it."""
    scheme = settings.broker_url.partition(":")[0]
    nowhere = settings.model_copy(update={"broker_url": f"{scheme}://127.0.0.1:1//"})
    with pytest.raises(BrokerError, match=r"the broker took no message: .*refused"):
        publisher(make_app(nowhere))([1])
