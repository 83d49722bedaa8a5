"""A serving process, from its settings to its end."""

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from taxonomy import CladistError
from taxonomy.errors import first_line
from worker.api.app import make_app
from worker.api.parts import THREADS, Parts
from worker.db.engine import open_database
from worker.settings import Settings
from worker.telemetry.last_words import guard_last_words
from worker.telemetry.logs import configure_logging

log = logging.getLogger("cladist.api")

_BACKLOG = 1024  # connections that wait to be taken
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def check(settings: Settings, host: str, port: int) -> None:
    """Raise DatabaseError or CladistError unless `serve` could begin to answer here and now."""
    open_database(settings.database_url).close()
    _listening(host, port).close()


def serve(settings: Settings, host: str, port: int) -> None:
    """Answer requests until SIGTERM or SIGINT, which let those in flight be answered.

    Raises DatabaseError when the database cannot be used, CladistError when the port cannot be had.
    """
    guard_last_words()
    configure_logging(settings.log_format, settings.log_level, settings.worker_name)
    database = open_database(settings.database_url, connections=THREADS)
    parts = Parts(settings, database)
    config = uvicorn.Config(
        make_app(parts),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(settings.stop_s),
    )
    try:
        with _listening(host, port) as listening:
            log.info("the HTTP API of %s at %s:%d; Ctrl-C stops it", database.name, host, port)
            _Server(config, parts).run([listening])
    finally:
        database.close()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise CladistError(first_line(error), source=f"{host}:{port}") from None


class _Server(uvicorn.Server):
    """Ends with 0 when it was asked to, as a worker does; whoever waits for the end of a job is answered at once."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As that of uvicorn, which would end the process by the same signal afterwards."""
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take no more connections, and end when all requests are answered."""
        self._parts.stopping.set()
        super().handle_exit(sig, frame)
