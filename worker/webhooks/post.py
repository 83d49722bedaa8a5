"""Send one message to a webhook: no redirects, checked and pinned addresses, bounded time and bytes."""

import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpcore2
import httpx2

from classifier.errors import AssetError
from taxonomy.errors import first_line
from worker.errors import RetryableError, WebhookError
from worker.network.addresses import Gate, Resolve, resolve_by_system
from worker.network.allowance import Allowance
from worker.network.connections import using
from worker.network.pools import open_pool
from worker.settings import Settings
from worker.telemetry.redaction import safe_message

_SCHEMES = ("http", "https")
_MAX_URL_CHARS = 2000
_MAX_PORT = 65_535
_READ_BYTES = 4096  # of an answer
_SHOWN_CHARS = 200
_GONE = 410
_CUT = (httpcore2.RemoteProtocolError, httpcore2.ReadError, httpcore2.WriteError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook answered: its status, None for none, and the first 200 characters, redacted, or the reason."""

    status: int | None
    text: str

    @property
    def is_taken(self) -> bool:
        """Whether the message was taken: any 2xx."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 (of RFC 9110)

    @property
    def is_gone(self) -> bool:
        """Whether the webhook wants nothing more."""
        return self.status == _GONE

    @property
    def said(self) -> str:
        """Status and text, for people."""
        return f"{self.status or ''} {self.text}".strip()


class Poster:
    """Sends messages; one pool of connections for all threads."""

    def __init__(self, settings: Settings, resolve: Resolve = resolve_by_system) -> None:
        self._settings = settings
        self._gate = webhook_gate(settings, resolve)
        self._pool = open_pool(settings.fetch_proxy, self._gate)
        weakref.finalize(self, self._pool.close)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send it, and wait no longer than `webhook_timeout_s` in all; whatever goes wrong is an answer."""
        with using(Allowance(_READ_BYTES, self._settings.webhook_timeout_s)):
            try:
                return self._post(checked_url(url), headers, body)
            except httpcore2.TimeoutException:
                return Answer(None, "no answer in time")
            except (AssetError, RetryableError, WebhookError) as error:
                return Answer(None, _shown(str(error)))
            except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.ProxyError, OSError) as error:
                return Answer(None, _shown(f"the connection failed: {first_line(error)}"))

    def _post(self, url: httpx2.URL, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            return self._send(url, headers, body)
        except _CUT:  # as when a connection that was kept has been closed: a second one decides
            return self._send(url, headers, body)

    def _send(self, url: httpx2.URL, headers: Mapping[str, str], body: bytes) -> Answer:
        if self._settings.fetch_proxy:
            self._gate.literal(url.host)
        target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        sent: list[tuple[bytes | str, bytes | str]] = [
            ("Host", url.netloc),
            ("User-Agent", self._settings.fetch_user_agent),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            *headers.items(),
        ]
        timeout_s = self._settings.webhook_timeout_s
        waits = dict.fromkeys(("connect", "read", "write"), timeout_s)
        options: dict[str, Any] = {"headers": sent, "content": body, "extensions": {"timeout": waits}}
        with self._pool.stream("POST", target, **options) as response:
            return Answer(response.status, _shown(_beginning(response)))


def webhook_gate(settings: Settings, resolve: Resolve = resolve_by_system) -> Gate:
    """Which addresses webhooks may be sent to."""
    return Gate(networks=settings.webhook_networks, resolve=resolve, setting="CLADIST_WEBHOOK_NETWORKS")


def checked_url(text: str) -> httpx2.URL:
    """An address that can be posted to. Raises WebhookError, without quoting it."""
    if len(text) > _MAX_URL_CHARS:
        raise WebhookError(f"the address has more than {_MAX_URL_CHARS} characters")
    try:
        url = httpx2.URL(text)
        port = url.port
    except (httpx2.InvalidURL, ValueError):
        raise WebhookError("cannot be read as an address") from None
    if url.scheme not in _SCHEMES:
        raise WebhookError("the address begins neither with https:// nor with http://")
    if url.userinfo:
        raise WebhookError("credentials in an address are not sent: signatures say who sends")
    if not url.raw_host or (port is not None and not 0 < port <= _MAX_PORT):
        raise WebhookError("the address has no host, or no such port")
    return url


def _beginning(response: httpcore2.Response) -> bytes:
    """At most 4 kB of the body; what is wrong with it does not matter, as the status is known."""
    found = b""
    with suppress(httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, AssetError):
        for chunk in response.iter_stream():
            found += chunk[: _READ_BYTES - len(found)]
            if len(found) >= _READ_BYTES:
                break
    return found


def _shown(text: str | bytes) -> str:
    words = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
    return safe_message(" ".join(words.split()))[:_SHOWN_CHARS]
