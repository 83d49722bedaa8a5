"""Small web sites on loopback addresses, each page a function that answers as badly as it likes."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from classifier.errors import AssetError
from worker.fetch.fetcher import Fetcher
from worker.settings import Settings

Page = Callable[[BaseHTTPRequestHandler], None]
CERTIFICATE = Path(__file__).with_name("hostile_site.pem")  # of assets.test, signed by itself


class Site:
    """A running web server; `asked` lists what it was asked for, with the Host that was named."""

    def __init__(self, port: int, pages: dict[str, Page]) -> None:
        self.port = port
        self.pages = pages
        self.asked: list[tuple[str, str]] = []
        self.connection_count = 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what these sites are for."""


@contextmanager
def serving(pages: dict[str, Page], address: str = "127.0.0.1", port: int = 0, *, tls: bool = False) -> Iterator[Site]:
    """A site whose pages are found by path, whatever the query."""
    site = Site(port, pages)
    server = _Server((address, port), _handler(site))
    site.port = server.server_address[1]
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            site.connection_count += 1
            super().setup()

        def do_GET(self) -> None:
            site.asked.append((self.path, self.headers["Host"]))
            site.pages[self.path.partition("?")[0]](self)

        do_HEAD = do_POST = do_GET  # noqa: N815 (http.server finds it by this name)

        def log_message(self, *_arguments: object) -> None:
            """Tests are quiet."""

    return Handler


def answer(body: bytes, status: int = 200, /, **headers: str) -> Page:
    """A page that answers with just these headers, and the true length where none is given; names have _ for -."""

    def page(visit: BaseHTTPRequestHandler) -> None:
        visit.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            visit.send_header(name.replace("_", "-"), value)
        visit.end_headers()
        if visit.command != "HEAD":
            visit.wfile.write(body)

    return page


def redirect(location: str, status: int = 302) -> Page:
    """A page that sends elsewhere."""
    return answer(b"", status, Location=location)


def fetcher(resolve: Callable[[str], list[str]] | None = None, **settings: Any) -> Fetcher:
    """A fetcher that may ask 127.0.0.1, and no other special address, unless told otherwise."""
    made = Settings(**{"asset_networks": "127.0.0.1/32", **settings})
    return Fetcher(made) if resolve is None else Fetcher(made, resolve)


def refusal(with_fetcher: Fetcher, uri: str) -> AssetError:
    """The error that an asset is refused with, in one line."""
    with pytest.raises(AssetError) as caught:
        with_fetcher.fetch(uri)
    assert "\n" not in str(caught.value)
    return caught.value
