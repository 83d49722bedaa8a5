"""Receivers of webhooks on loopback addresses that verify what they get, and answer as they are told to."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from hostile_site import Page, Site, answer, serving
from standardwebhooks.webhooks import Webhook

POSTED = "/hooks"


@dataclass
class Received:
    """One message with what its headers said."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def event(self) -> int:
        return int(self.payload["data"]["id"])

    def verify(self, secret: str) -> None:
        """Raises WebhookVerificationError."""
        Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """What came; `page` answers, and may be another one at any time."""

    page: Page = field(default_factory=lambda: answer(b"thanks"))
    received: list[Received] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    site: Site | None = None

    @property
    def url(self) -> str:
        assert self.site is not None
        return f"http://127.0.0.1:{self.site.port}{POSTED}"

    @property
    def events(self) -> list[int]:
        return [each.event for each in self.received]

    def take(self, visit: BaseHTTPRequestHandler) -> None:
        body = visit.rfile.read(int(visit.headers["Content-Length"]))
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            self.received.append(Received({k.lower(): v for k, v in visit.headers.items()}, body))
        try:
            self.page(visit)
        finally:
            with self._lock:
                self._now -= 1


@contextmanager
def receiving(page: Page | None = None) -> Iterator[Receiver]:
    """A receiver at `url`; by default it takes all."""
    receiver = Receiver(page) if page is not None else Receiver()
    with serving({POSTED: receiver.take}) as site:
        receiver.site = site
        yield receiver


def after(seconds: Callable[[], object], page: Page) -> Page:
    """A page that first waits as it is told to."""

    def waited(visit: BaseHTTPRequestHandler) -> None:
        seconds()
        page(visit)

    return waited
