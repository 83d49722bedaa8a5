"""The HTTP port that monitors ask: /metrics, /live and /ready."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from taxonomy import CladistError
from taxonomy.errors import first_line
from worker.monitoring.health import Health
from worker.telemetry.metrics import REGISTRY

log = logging.getLogger("cladist.monitoring")

_TIMEOUT_S = 10  # of one request: a monitor that hangs holds no thread for ever


@contextmanager
def serve_monitors(host: str, port: int, health: Health) -> Iterator[int]:
    """Answer monitors until the block ends; yields the port, which the system chooses for 0.

    Raises CladistError when the port cannot be had.
    """
    try:
        server = ThreadingHTTPServer((host, port), _handler(health))
    except OSError as error:
        raise CladistError(f"{host}:{port}: {first_line(error)}", source="CLADIST_MONITOR_PORT") from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="cladist-monitors", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
