"""The Celery consumer of a worker process, in this thread, until it is told to stop."""

import time
import warnings
from collections.abc import Callable
from typing import Any, cast

import celery.worker.state
from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import worker_shutting_down
from celery.worker.consumer import Consumer
from celery.worker.loops import synloop

from worker.errors import ConsumerEndedError
from worker.process.unreadable import UNREADABLE_ERRORS, count_unreadable, refuse

LOOK_S = 0.1  # how often a consumer of the in-process broker looks whether it should stop; Celery's own: 2 s, twice
_REFUSED_S, _LONGEST_REFUSED_S = 0.5, 8.0  # before a broker that refused is asked again: the first time, and at most
_state = cast("Any", celery.worker.state)  # its flags are None, False or an exit code


def consume(app: Celery, on_stop: Callable[[], None]) -> None:
    """Run the task on messages until SIGTERM, SIGINT or `stop_consuming`; signals call `on_stop` at once.

    Raises ConsumerEndedError when it ends though nobody asked it to.
    """
    asked: list[bool] = []

    def stopping(**_: Any) -> None:
        asked.append(True)
        on_stop()

    _state.should_stop = _state.should_terminate = None
    worker_shutting_down.connect(stopping)
    warnings.filterwarnings("ignore", category=SecurityWarning)  # of root and pickle: our messages are JSON only
    try:
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
        if not asked and _state.should_stop is None:
            raise ConsumerEndedError("the consumer ended, and nobody had asked it to")
    finally:
        worker_shutting_down.disconnect(stopping)
        _state.should_stop = None


def stop_consuming() -> None:
    """Let `consume` end after the message at hand; to be called from any thread."""
    _state.should_stop = 0


def _is_amqp(app: Celery) -> bool:
    """Whether the broker wants heartbeats, which Celery sends from its event loop alone."""
    with app.connection_for_read() as connection:
        return bool(connection.transport.driver_type == "amqp")


class _PromptConsumer(Consumer):
    """Celery's consumer; without an event loop it looks up more often, and never goes deaf.

    A message that nobody can read is acknowledged and counted, and told in one short line. A broker that refuses what
    it is asked for, as a replica does, is asked again after a while, the longer the more often it refused.
    """

    connection_errors: tuple[type[Exception], ...]  # of the broker's library, as Celery's consumer finds them
    channel_errors: tuple[type[Exception], ...]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.refused = 0  # times in a row
        if getattr(self, "hub", None) is None:
            self.loop = _prompt_loop

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        handle = super().create_task_handler(*args, **kwargs)
        lost = *self.connection_errors, *self.channel_errors

        def on_message(message: Any) -> None:
            self.refused = 0
            try:
                handle(message)
            except UNREADABLE_ERRORS as error:
                self._refuse(message, error)
            except lost:
                raise
            except Exception as error:  # noqa: BLE001 (whatever a message does, the consumer outlives it)
                self._refuse(message, error)

        return on_message

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        super().on_connection_error_after_connected(exc)
        if isinstance(exc, self.channel_errors):
            time.sleep(min(_LONGEST_REFUSED_S, _REFUSED_S * 2.0**self.refused))
            self.refused += 1

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self._refuse(message, exc)

    def on_unknown_message(self, body: Any, message: Any) -> None:
        del body
        self._refuse(message, "no message of a task")

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        del body, exc
        self._refuse(message, "unknown task")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        del body
        self._refuse(message, exc)

    def _refuse(self, message: Any, why: Exception | str) -> None:
        refuse(message, why, self.connection_errors)


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
        """Wait for an event; raises TimeoutError where none comes, ConnectionResetError on a channel that is deaf.

        What the transport itself cannot read is gone from the broker by then.
        """
        if not self._consumer.task_consumer.channel.qos.can_consume():
            raise ConnectionResetError("a message could not be acknowledged")
        try:
            found = self._connection.drain_events(timeout=min(timeout, LOOK_S))
        except UNREADABLE_ERRORS as error:
            count_unreadable(error)
            return None
        except TimeoutError:
            self._consumer.refused = 0
            raise
        self._consumer.refused = 0
        return found
