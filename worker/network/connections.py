"""Connections to checked addresses only, under the time of the fetch that uses them."""

import ssl
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore2

from worker.errors import RetryableError
from worker.network.addresses import Gate
from worker.network.allowance import Allowance

_LOOKUPS = 32  # names asked for at once, those that nobody waits for any more included

# The fetch that this thread is at: connections outlive fetches, their time is that of the one that uses them.
_current: ContextVar[Allowance] = ContextVar("fetch")


@contextmanager
def using(allowance: Allowance) -> Iterator[None]:
    """Let every wait of this thread's connections end with the allowance."""
    token = _current.set(allowance)
    try:
        yield
    finally:
        _current.reset(token)


class CheckedBackend(httpcore2.NetworkBackend):
    """Asks a host's name once, checks every address of it, and connects to one of just these."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._plain = httpcore2.SyncBackend()
        self._lookups = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="cladist-lookup")

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the first checked address that answers. Raises AssetError, RetryableError, ConnectError."""
        failed: Exception = httpcore2.ConnectError("no address")
        for address in self._addresses(host, timeout):
            try:
                wait_s = _bounded(timeout)
                return _TimedStream(self._plain.connect_tcp(address, port, wait_s, local_address, socket_options or ()))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed

    def _addresses(self, host: str, timeout: float | None) -> list[str]:
        lookup = self._lookups.submit(self._gate.addresses, host)
        try:
            return lookup.result(_bounded(timeout))
        except TimeoutError:
            if lookup.cancel():  # never begun, for the names of others
                raise RetryableError("too many names are being resolved") from None
            _current.get().left_s()  # where the whole time is over, that is the reason
            raise RetryableError("the host's name was not resolved in time") from None


class _TimedStream(httpcore2.NetworkStream):
    """A stream none of whose waits is longer than what is left of the fetch, however often it waits."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At most so many bytes. Raises FetchTimeoutError when the time of the fetch is over."""
        return self._inner.read(max_bytes, _bounded(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it. Raises FetchTimeoutError when the time of the fetch is over."""
        self._inner.write(buffer, _bounded(timeout))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """The same connection under TLS, under the same time."""
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, _bounded(timeout)))

    def get_extra_info(self, info: str) -> Any:
        """What the connection below says of itself."""
        return self._inner.get_extra_info(info)


def _bounded(timeout: float | None) -> float:
    left_s = _current.get().left_s()
    return left_s if timeout is None else min(timeout, left_s)
