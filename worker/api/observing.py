"""What is kept of each request: an id, in its answer and in the log; a count; a time. No error gets lost."""

import logging
import re
import time
import uuid
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker.api.problems import unexpected
from worker.telemetry.metrics import API_REQUESTS, API_SECONDS

log = logging.getLogger("cladist.api")

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_GONE = 499  # the client went away before it was answered
_QUIET = ("/live", "/ready", "/metrics")


class Observing:
    """The outermost layer: an error that nobody expected is logged here, and answered without its details."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        started, status = time.perf_counter(), 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, tell)
            except Exception:
                log.exception("unexpected error")
                if not status:
                    await unexpected().response(scope)(scope, receive, tell)
            _keep(scope, status or _GONE, time.perf_counter() - started)


def _request_id(scope: Scope) -> str:
    """That which the client gives, if it may stand in a log; else a new one."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _ID.fullmatch(given) else uuid.uuid4().hex


def _keep(scope: Scope, status: int, elapsed_s: float) -> None:
    route = getattr(scope.get("route"), "path", "other")  # with the names of its parameters: bounded, and no id in it
    method = scope["method"] if scope["method"] in _METHODS else "other"
    API_REQUESTS.labels(method, route, str(status)).inc()
    API_SECONDS.labels(route).observe(elapsed_s)
    said: dict[str, Any] = {"status": status, "ms": round(elapsed_s * 1000, 1), "key": scope["state"].get("key_id")}
    level = logging.DEBUG if route in _QUIET else logging.INFO
    log.log(level, "%s %s", method, route, extra=said)
