"""Assets by http and https: no credentials, no cookies, and every redirect checked like the first address."""

import re
import ssl
import weakref
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import httpcore2
import httpx2

from classifier.errors import (
    AccessDeniedError,
    AssetNotFoundError,
    ForbiddenAddressError,
    UnreadableImageError,
)
from worker.errors import HostBusyError, RetryableError
from worker.network.addresses import Gate, Resolve
from worker.network.allowance import Allowance
from worker.network.connections import using
from worker.network.pools import open_pool
from worker.network.waits import HostWaits, retry_after_s
from worker.settings import Settings

WEB_SCHEMES = ("http", "https")

_MAX_REDIRECTS = 5
_HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK = 200
_GONE = frozenset({404, 410})
_LATER = frozenset({408, 425, 429})
_BUSY = frozenset({429, 503})  # with a Retry-After: how long to leave the host alone
_SERVER_ERROR = 500
_MAX_PORT = 65_535
_CHUNK_BYTES = 2**18
_ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_MAX_STREAMS = 64  # of one packed body, each after the other
_GZIP_OR_ZLIB = 47  # zlib's code for "whichever of the two it is, with the largest window"
_HOST = re.compile(rb"((?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://)?)((?<=//)[^/?#]*|)(.*)", re.DOTALL)
_RAW = re.compile(rb"[\x80-\xff]")
_CUT = (httpcore2.RemoteProtocolError, httpcore2.ReadError, httpcore2.WriteError)


class WebSource:
    """The source of `http:` and `https:` URIs; one pool of connections for all threads."""

    def __init__(self, settings: Settings, resolve: Resolve) -> None:
        self._settings = settings
        self._gate = Gate(settings.asset_hosts, settings.asset_networks, resolve)
        self._waits = HostWaits(settings.retry_max_s)
        self._pool = open_pool(settings.fetch_proxy, self._gate)
        weakref.finalize(self, self._pool.close)  # connections that are kept end with the source

    def chunks(self, uri: str, allowance: Allowance) -> Generator[bytes]:
        """The body that the address, or where it redirects to, answers with. Raises AssetError, RetryableError."""
        with using(allowance), _meaning(allowance), ExitStack() as stack:
            response = self._answer(stack, _address(uri.encode(errors="surrogateescape")))
            _require_ok(response.status)
            length = _header(response, b"content-length")
            if length is not None and length.isdecimal():
                allowance.refuse_larger(int(length))
            yield from unpacked(response.iter_stream(), _header(response, b"content-encoding") or "", allowance)

    def _answer(self, stack: ExitStack, url: httpx2.URL) -> httpcore2.Response:
        """The first answer that is no redirect."""
        for _ in range(_MAX_REDIRECTS + 1):
            visit = stack.enter_context(ExitStack())
            host = url.netloc.decode("ascii")
            self._waits.require_free(host)
            response = self._ask(visit, url)
            self._heed(response, host)
            if response.status not in _REDIRECTS:
                return response
            url = self._redirected(url, _header(response, b"location"))
            visit.close()
        raise AccessDeniedError(f"more than {_MAX_REDIRECTS} redirects")

    def _ask(self, visit: ExitStack, url: httpx2.URL) -> httpcore2.Response:
        try:
            return visit.enter_context(self._request(url))
        except _CUT:  # as when the server has closed a connection that was kept: a second one decides
            return visit.enter_context(self._request(url))

    def _request(self, url: httpx2.URL) -> AbstractContextManager[httpcore2.Response]:
        settings = self._settings
        waits = {"connect": settings.fetch_connect_s, "read": settings.fetch_read_s, "write": settings.fetch_read_s}
        if settings.fetch_proxy:
            self._gate.literal(url.host)
        target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        headers: list[tuple[bytes | str, bytes | str]] = [
            ("Host", url.netloc),
            ("User-Agent", settings.fetch_user_agent),
            *_HEADERS.items(),
        ]
        return self._pool.stream("GET", target, headers=headers, extensions={"timeout": waits})

    def _heed(self, response: httpcore2.Response, host: str) -> None:
        """Raise HostBusyError where the answer asks for a wait; nobody asks the host before it is over."""
        if response.status in _BUSY:
            asked_s = retry_after_s(_header(response, b"retry-after"))
            if asked_s is not None:
                wait_s = self._waits.leave_alone(host, asked_s)
                raise HostBusyError(f"the server answered {response.status} and asks to wait {wait_s:.0f} s", wait_s)

    def _redirected(self, url: httpx2.URL, location: str | None) -> httpx2.URL:
        if location is None:
            raise AssetNotFoundError("a redirect to nowhere")
        target = _address(url.join(_spelled(location.encode("latin-1"))))
        if target.scheme not in self._settings.asset_schemes:
            raise ForbiddenAddressError(f"redirected to {target.scheme}:, which is not allowed")
        if (url.scheme, target.scheme) == ("https", "http") and not self._settings.fetch_https_to_http:
            raise ForbiddenAddressError("redirected from https to http")
        return target


def _address(text: bytes | httpx2.URL) -> httpx2.URL:
    """A URL that can be asked. Raises ForbiddenAddressError."""
    url = httpx2.URL(_spelled(text) if isinstance(text, bytes) else text)
    if url.scheme not in WEB_SCHEMES:
        raise ForbiddenAddressError(f"redirected to {url.scheme or 'no'}:, which is neither http nor https")
    if url.userinfo:
        raise ForbiddenAddressError("credentials in an address are not sent")
    if not url.raw_host or (url.port is not None and not 0 < url.port <= _MAX_PORT):
        raise ForbiddenAddressError("no host, or no such port")
    return url


def _spelled(address: bytes) -> str:
    """An address with its raw bytes escaped, but those of its host, which are UTF-8."""
    start, host, rest = _HOST.match(address).groups()  # type: ignore[union-attr]  # matches everything
    return f"{_escaped(start)}{host.decode(errors='replace')}{_escaped(rest)}"


def _escaped(text: bytes) -> str:
    return _RAW.sub(lambda found: b"%%%02X" % found[0][0], text).decode("ascii")


def _header(response: httpcore2.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


def _require_ok(status: int) -> None:
    if status == _OK:
        return
    said = f"the server answered {status}"
    if status in _GONE:
        raise AssetNotFoundError(said)
    if status in _LATER or status >= _SERVER_ERROR:
        raise RetryableError(said)
    raise AccessDeniedError(said)


def unpacked(body: Iterable[bytes], encoding: str, allowance: Allowance) -> Iterator[bytes]:
    """The body, unpacked where it was packed without being asked for, never more than a piece at a time.

    Of an encoding that is not known the body is taken as it is. Packed bytes count as well as unpacked ones; what
    follows the end of a stream must be another whole one.
    """
    if encoding.strip().lower() not in _ENCODINGS:
        yield from body
        return
    unpack, packed_bytes, streams = zlib.decompressobj(wbits=_GZIP_OR_ZLIB), 0, 1
    for chunk in body:
        packed_bytes += len(chunk)
        allowance.refuse_larger(packed_bytes)
        left = chunk
        while left:
            if unpack.eof:
                unpack, streams = zlib.decompressobj(wbits=_GZIP_OR_ZLIB), streams + 1
            if streams > _MAX_STREAMS:
                raise UnreadableImageError(f"packed in more than {_MAX_STREAMS} streams")
            yield unpack.decompress(left, _CHUNK_BYTES)
            left = unpack.unconsumed_tail or unpack.unused_data
    yield unpack.flush()
    if not unpack.eof:
        raise UnreadableImageError("the packed body ends too early")


@contextmanager
def _meaning(allowance: Allowance) -> Iterator[None]:
    """Tell what an error of the network means for the asset."""
    try:
        yield
    except httpx2.InvalidURL:  # its text quotes what may be a part of a password
        raise ForbiddenAddressError("cannot be read as an address") from None
    except zlib.error as error:
        raise UnreadableImageError(f"the packed body is damaged: {error}") from None
    except httpcore2.TimeoutException:
        allowance.left_s()  # where the whole time is over, that is the reason
        raise RetryableError("the server did not answer in time") from None
    except httpcore2.LocalProtocolError as error:
        raise ForbiddenAddressError(f"cannot be asked for: {error}") from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.ProxyError) as error:
        if isinstance(error.__context__, ssl.SSLCertVerificationError):
            raise AccessDeniedError(f"the server cannot be trusted: {error.__context__.verify_message}") from None
        raise RetryableError(f"the connection failed: {error}") from None
