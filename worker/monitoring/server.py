"""The HTTP port that monitors ask: /metrics, /live and /ready."""

import json
import logging
import socket
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from taxonomy import CladistError
from taxonomy.errors import first_line
from worker.monitoring.health import Health
from worker.supervision.lasting import outlive, pause_after
from worker.telemetry.metrics import REGISTRY

log = logging.getLogger("cladist.monitoring")

_NAME = "monitors"
_TIMEOUT_S = 10  # of one request: a monitor that hangs holds no thread for ever
_LOOK_S = 0.5


_MOST = 16  # requests at once


@contextmanager
def serve_monitors(host: str, port: int, health: Health) -> Iterator[int]:
    """Answer monitors until the block ends; yields the port, which the system chooses for 0.

    Raises CladistError when the port cannot be had.
    """
    try:
        server = _BoundedServer((host, port), _handler(health))
    except OSError as error:
        raise CladistError(f"{host}:{port}: {first_line(error)}", source="CLADIST_MONITOR_PORT") from None
    stop = threading.Event()
    thread = threading.Thread(target=_serve, args=(server, stop), name="cladist-monitors", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _serve(server: HTTPServer, stop: threading.Event) -> None:
    unexpected = 0
    while not stop.is_set():
        try:
            server.serve_forever(_LOOK_S)
        except Exception as error:  # noqa: BLE001 (monitors are answered whatever happens)
            outlive(_NAME, error)
            unexpected += 1
            stop.wait(pause_after(unexpected))


class _BoundedServer(ThreadingMixIn, HTTPServer):
    """A thread for each request, no more than so many: when all are busy the oldest request is cut off for a new one.

    Thus a client that sends or reads slowly keeps nobody else from being answered; after ten seconds it is cut off too.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._room = threading.BoundedSemaphore(_MOST)
        self._lock = threading.Lock()
        self._open: OrderedDict[Any, float] = OrderedDict()  # connection -> since when

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self._cut(longer_than_s=0.0, most=1)
            if not self._room.acquire(timeout=_LOOK_S):
                self.shutdown_request(request)
                return
        with self._lock:
            self._open[request] = time.monotonic()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        self._cut(longer_than_s=_TIMEOUT_S, most=_MOST)

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address
        error = sys.exception()
        if isinstance(error, OSError):
            log.debug("a monitor went away: %s", error)
        elif isinstance(error, Exception):
            outlive(_NAME, error)

    def _cut(self, *, longer_than_s: float, most: int) -> None:
        """End the oldest connections; their threads end by themselves."""
        before = time.monotonic() - longer_than_s
        with self._lock:
            late = [request for request, since in self._open.items() if since <= before][:most]
            for request in late:
                del self._open[request]
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _TIMEOUT_S

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(REGISTRY))
            elif self.path in ("/live", "/ready"):
                self._tell(health.faults if self.path == "/live" else health.hindrances)
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics, /live or /ready\n")

        def _tell(self, reasons: Callable[[], list[str]]) -> None:
            found = reasons()
            status = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
            self._answer(status, "application/json", json.dumps({"ok": not found, "reasons": found}).encode())

        def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name that http.server gives it)
            log.debug(format, *args)

    return Handler
