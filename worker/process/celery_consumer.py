"""The Celery consumer of a worker process, in this thread, until it is told to stop."""

import warnings
from collections.abc import Callable
from typing import Any, cast

import celery.worker.state
from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import worker_shutting_down
from celery.worker.consumer import Consumer
from celery.worker.loops import synloop

LOOK_S = 0.1  # how often a consumer of the in-process broker looks whether it should stop; Celery's own: 2 s, twice


def consume(app: Celery, on_stop: Callable[[], None]) -> None:
    """Run the task on messages until SIGTERM, SIGINT or `stop_consuming`; signals call `on_stop` at once."""

    def stopping(**_: Any) -> None:
        on_stop()

    state = cast("Any", celery.worker.state)  # its flags are None, False or an exit code
    state.should_stop = state.should_terminate = None
    worker_shutting_down.connect(stopping)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # of root and pickle: our messages are JSON only
            worker = app.Worker(
                use_eventloop=None if _is_amqp(app) else False,
                pool="solo",
                concurrency=1,
                consumer_cls=_PromptConsumer,
                quiet=True,
                without_mingle=True,
                without_gossip=True,
            )
            worker.start()
    finally:
        worker_shutting_down.disconnect(stopping)
        state.should_stop = None


def stop_consuming() -> None:
    """Let `consume` end after the message at hand; to be called from any thread."""
    cast("Any", celery.worker.state).should_stop = 0


def _is_amqp(app: Celery) -> bool:
    """Whether the broker wants heartbeats, which Celery sends from its event loop alone."""
    with app.connection_for_read() as connection:
        return bool(connection.transport.driver_type == "amqp")


class _PromptConsumer(Consumer):
    """Celery's consumer; without an event loop it looks up more often, and never goes deaf."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if getattr(self, "hub", None) is None:
            self.loop = _prompt_loop


def _prompt_loop(consumer: Any, connection: Any, *args: Any, **kwargs: Any) -> None:
    synloop(consumer, _PromptConnection(connection, consumer), *args, **kwargs)


class _PromptConnection:
    """A connection that waits for events for no longer than `LOOK_S`, and not in vain.

    Where the broker goes away while a message is acknowledged, Celery logs that and goes on with the channel; this one
    counts the message as taken and asks for no other one ever again. Between two messages none is taken: such a channel
    is given up, as if its connection had been lost just then.
    """

    def __init__(self, connection: Any, consumer: Any) -> None:
        self._connection = connection
        self._consumer = consumer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def drain_events(self, timeout: float) -> Any:
        """Wait for an event; raises TimeoutError where none comes, ConnectionResetError on a channel that is deaf."""
        if not self._consumer.task_consumer.channel.qos.can_consume():
            raise ConnectionResetError("a message could not be acknowledged")
        return self._connection.drain_events(timeout=min(timeout, LOOK_S))
