"""Assets by http and https from servers that are good, bad and worse."""

import gzip
import itertools
import select
import socket
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from threading import Barrier, Event

import pytest
from hostile_site import CERTIFICATE, Page, answer, fetcher, redirect, refusal, serving

from classifier.errors import AssetError, AssetNotFoundError
from worker.errors import HostBusyError, RetryableError
from worker.network import connections
from worker.network.waits import retry_after_s

IMAGE = bytes(range(256)) * 300
_DRIP_S = 0.01


def test_many_threads_share_few_connections() -> None:
    """Every thread gets its bytes, and connections are kept for the next asset."""
    with serving({"/a.jpg": answer(IMAGE)}) as site, ThreadPoolExecutor(8) as threads:
        shared = fetcher()
        found = list(threads.map(shared.fetch, [f"http://127.0.0.1:{site.port}/a.jpg?n={n}" for n in range(64)]))
    assert found == [IMAGE] * 64
    assert site.connection_count <= 8
    assert len({path for path, _ in site.asked}) == 64


def test_a_connection_that_the_server_closed_meanwhile() -> None:
    """Nobody hears of it: the asset is asked for on another."""

    def close_after(visit: BaseHTTPRequestHandler) -> None:
        answer(IMAGE)(visit)
        visit.close_connection = True

    with serving({"/a": close_after}) as site:
        one = fetcher()
        assert [one.fetch(f"http://127.0.0.1:{site.port}/a") for _ in range(5)] == [IMAGE] * 5


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "asset_not_found"), (410, "asset_not_found"), (401, "access_denied"), (403, "access_denied"),
     (451, "access_denied"), (204, "access_denied"), (304, "access_denied")],
)  # fmt: skip
def test_what_a_server_refuses(status: int, code: str) -> None:
    with serving({"/a": answer(b"", status)}) as site:
        error = refusal(fetcher(), f"http://127.0.0.1:{site.port}/a")
    assert (error.code, str(error)) == (code, f"http://127.0.0.1:{site.port}/a: the server answered {status}")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_a_server_cannot_do_now_is_tried_later(status: int) -> None:
    with serving({"/a": answer(b"", status)}) as site, pytest.raises(RetryableError, match=f"answered {status}"):
        fetcher().fetch(f"http://127.0.0.1:{site.port}/a")


def test_a_port_where_nobody_listens_is_tried_again() -> None:
    """Refused connections are the world's fault."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(RetryableError, match="connection failed"):
            fetcher().fetch(f"http://127.0.0.1:{unused.getsockname()[1]}/a")


def drip(*pieces: bytes) -> Page:
    """A page that sends the first piece, then the second byte by byte until the client hangs up."""

    def page(visit: BaseHTTPRequestHandler) -> None:
        visit.wfile.write(pieces[0])
        for byte in itertools.cycle(pieces[1]):
            if select.select([visit.connection], [], [], _DRIP_S)[0]:
                return
            visit.wfile.write(bytes([byte]))

    return page


def silent(visit: BaseHTTPRequestHandler) -> None:
    visit.rfile.read()


@pytest.mark.parametrize(
    "page",
    [
        drip(b"HTTP/1.1 200 OK\r\nX-", b"a"),
        drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"a"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10], b"\0\0\0\xff\xff"),
        drip(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        silent,
    ],
    ids=["header", "headers", "body", "chunks", "gzip", "continue", "silence"],
)
def test_a_server_that_takes_all_the_time_of_the_world(page: Page) -> None:
    """However the bytes drip, the fetch ends with its own time."""
    with serving({"/a": page}) as site:
        error = refusal(fetcher(fetch_total_s=0.3, fetch_read_s=60), f"http://127.0.0.1:{site.port}/a")
    assert error.code == "fetch_timeout"


def test_silence_ends_before_the_whole_time() -> None:
    """As transient as a refused connection."""
    with serving({"/a": silent}) as site, pytest.raises(RetryableError, match="did not answer in time"):
        fetcher(fetch_total_s=600, fetch_read_s=0.1).fetch(f"http://127.0.0.1:{site.port}/a")


def test_a_name_server_that_is_silent() -> None:
    """The lookup ends with the fetch, and the thread with it."""
    asked = Barrier(2)

    def resolve(_host: str) -> list[str]:
        asked.wait()
        return []

    error = refusal(fetcher(resolve, fetch_total_s=0.1), "http://slow.test/a")
    asked.wait()
    assert error.code == "fetch_timeout"


def test_silent_name_servers_fail_nobody_elses_asset() -> None:
    """When all lookups are held up, an asset whose name could not even be asked for is tried again."""
    answered = Event()

    def resolve(host: str) -> list[str]:
        answered.wait()
        raise AssetNotFoundError(host)

    one = fetcher(resolve, fetch_connect_s=0.2)

    def ending(number: int) -> str:
        try:
            one.fetch(f"http://{number}.test/a")
        except (AssetError, RetryableError) as error:
            return str(error).rpartition(": ")[2]
        return "fetched"

    def hold_up(number: int) -> None:
        while ending(number) == "too many names are being resolved":
            pass

    try:
        with ThreadPoolExecutor(connections._LOOKUPS) as threads:
            list(threads.map(hold_up, range(connections._LOOKUPS)))
        assert ending(99) == "too many names are being resolved"
    finally:
        answered.set()


def test_a_tls_server_that_never_shakes_hands() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        error = refusal(fetcher(fetch_total_s=0.2), f"https://127.0.0.1:{server.getsockname()[1]}/a")
    assert error.code == "fetch_timeout"


def lying(head: bytes, body: bytes) -> Page:
    """A page of raw bytes, the body again and again until the client has enough."""

    def page(visit: BaseHTTPRequestHandler) -> None:
        visit.wfile.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        while True:
            visit.wfile.write(body)

    return page


BOMB = zlib.compressobj(wbits=31)
PACKED = BOMB.compress(bytes(2**26)) + BOMB.flush(zlib.Z_FULL_FLUSH)


@pytest.mark.parametrize(
    "page",
    [
        answer(b"", Content_Length="100001"),
        lying(b"Connection: close", bytes(1000)),
        lying(b"Transfer-Encoding: chunked", b"3E8\r\n" + bytes(1000) + b"\r\n"),
        lying(b"Content-Encoding: gzip", PACKED),
        answer(gzip.compress(bytes(100_001)), Content_Encoding="gzip"),
        answer(zlib.compress(bytes(100_001)), Content_Encoding="deflate"),
        answer(gzip.compress(bytes(60_000)) * 2, Content_Encoding="gzip"),
        answer(gzip.compress(b"")[:10] + b"\0\0\0\xff\xff" * 30_000, Content_Encoding="gzip"),
    ],
    ids=["claimed", "unclaimed", "chunked", "bomb", "gzip", "deflate", "streams", "empty blocks"],
)
def test_more_bytes_than_allowed(page: Page) -> None:
    """Refused at the first byte too many, whatever was claimed, packed or not."""
    with serving({"/a": page}) as site:
        error = refusal(fetcher(asset_max_bytes=100_000), f"http://127.0.0.1:{site.port}/a")
    assert error.code == "image_too_large"
    assert "more than 100000 bytes" in str(error)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP"])
def test_a_body_packed_without_being_asked_for(encoding: str) -> None:
    packed = zlib.compress(IMAGE) if encoding == "deflate" else gzip.compress(IMAGE)
    with serving({"/a": answer(packed, Content_Encoding=encoding)}) as site:
        assert fetcher(asset_max_bytes=len(IMAGE)).fetch(f"http://127.0.0.1:{site.port}/a") == IMAGE


def test_a_body_packed_in_several_streams() -> None:
    packed = gzip.compress(IMAGE[:1000]) + gzip.compress(IMAGE[1000:])
    with serving({"/a": answer(packed, Content_Encoding="gzip")}) as site:
        assert fetcher(asset_max_bytes=len(IMAGE)).fetch(f"http://127.0.0.1:{site.port}/a") == IMAGE


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(IMAGE)[:-9], "gzip"),
        (b"not gzip", "gzip"),
        (gzip.compress(IMAGE) + b"more", "gzip"),
        (gzip.compress(b"") * 65 + gzip.compress(IMAGE), "gzip"),
    ],
)
def test_a_body_that_cannot_be_unpacked(body: bytes, encoding: str) -> None:
    with serving({"/a": answer(body, Content_Encoding=encoding)}) as site:
        assert refusal(fetcher(), f"http://127.0.0.1:{site.port}/a").code == "unreadable_image"


@pytest.mark.parametrize(
    "raw",
    [b"SSH-2.0-OpenSSH_9\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"HTTP/9 what\r\n\r\n",
     b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000],
    ids=["ssh", "nothing", "short", "version", "headers"],
)  # fmt: skip
def test_an_answer_that_is_cut_or_none(raw: bytes) -> None:
    """As good as no connection: another attempt may go better."""

    def page(visit: BaseHTTPRequestHandler) -> None:
        visit.wfile.write(raw)
        visit.close_connection = True

    with serving({"/a": page}) as site, pytest.raises(RetryableError, match="connection failed"):
        fetcher().fetch(f"http://127.0.0.1:{site.port}/a")


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_asks_to_wait_is_not_asked_meanwhile(status: int) -> None:
    """Neither for this asset nor for another of the same host, by whatever thread; other hosts are."""
    pages = {"/a": answer(b"", status, Retry_After="30"), "/b": answer(IMAGE)}
    with serving(pages) as busy, serving(pages) as other:
        one = fetcher()
        for path, words in (("a", f"answered {status} and asks to wait 30 s"), ("b", "the host asked to wait")):
            with pytest.raises(HostBusyError, match=words) as caught:
                one.fetch(f"http://127.0.0.1:{busy.port}/{path}")
            assert 0 < caught.value.wait_s <= 30
        assert one.fetch(f"http://127.0.0.1:{other.port}/b") == IMAGE
    assert [path for path, _ in busy.asked] == ["/a"]


def test_no_host_may_ask_for_more_than_the_longest_wait() -> None:
    with serving({"/a": answer(b"", 503, Retry_After="9" * 400)}) as site, pytest.raises(HostBusyError) as caught:
        fetcher(retry_max_s=5).fetch(f"http://127.0.0.1:{site.port}/a")
    assert caught.value.wait_s == pytest.approx(5)


def test_how_a_host_says_for_how_long() -> None:
    """As seconds or as a date; anything else says nothing."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    said = [
        "120",
        " 7 ",
        "Thu, 01 Jan 2026 00:01:00 GMT",
        "Thu, 01 Jan 2026 00:00:30",
        "-1",
        "soon",
        "",
        None,
        "\u0665",
    ]
    assert [retry_after_s(value, now) for value in said] == [120, 7, 60, 30, None, None, None, None, None]


def test_https_names_the_host_and_connects_to_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificate and Host are those of the name, the connection goes to what the name was resolved to."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with serving({"/a": answer(IMAGE)}, tls=True) as site:
        uri = f"https://assets.test:{site.port}/a"
        assert fetcher(lambda _host: ["127.0.0.1"]).fetch(uri) == IMAGE
        assert site.asked == [("/a", f"assets.test:{site.port}")]
        error = refusal(fetcher(lambda _host: ["127.0.0.1"]), uri.replace("assets.test", "other.test"))
    assert error.code == "access_denied"
    assert "cannot be trusted" in str(error)


def test_an_unknown_certificate_is_not_trusted() -> None:
    with serving({"/a": answer(IMAGE)}, tls=True) as site:
        error = refusal(fetcher(lambda _host: ["127.0.0.1"]), f"https://assets.test:{site.port}/a")
    assert (error.code, site.asked) == ("access_denied", [])


def test_no_proxy_no_cookie_no_netrc(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says of proxies is for others, and nothing is remembered from one asset to the next."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    seen = []

    def page(visit: BaseHTTPRequestHandler) -> None:
        seen.append(sorted(visit.headers))
        answer(IMAGE, Set_Cookie="a=b")(visit)

    with serving({"/a": page}) as site:
        one = fetcher()
        assert [one.fetch(f"http://127.0.0.1:{site.port}/a") for _ in range(2)] == [IMAGE] * 2
    assert seen == [["Accept", "Accept-Encoding", "Host", "User-Agent"]] * 2


def test_redirects_are_followed() -> None:
    """Relative, absolute, of every kind, up to five of them."""
    with serving({}) as site:
        base = f"http://127.0.0.1:{site.port}"
        site.pages |= {"/0": redirect("/1", 301), "/1": redirect(f"{base}/2"), "/2": redirect("3", 303)}
        site.pages |= {"/3": redirect("?x", 307), "/4": redirect("5", 308), "/5": answer(IMAGE)}
        site.pages["/3"] = redirect("/4", 307)
        assert fetcher().fetch(f"{base}/0") == IMAGE


def test_endless_redirects_are_given_up() -> None:
    with serving({"/a": redirect("/a")}) as site:
        error = refusal(fetcher(), f"http://127.0.0.1:{site.port}/a")
    assert (error.code, len(site.asked)) == ("access_denied", 6)


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("file:///etc/passwd", "forbidden_address"),
        ("gopher://127.0.0.1/", "forbidden_address"),
        ("s3://bucket/key", "forbidden_address"),
        ("data:image/png;base64,AAAA", "forbidden_address"),
        ("http://user:secret@127.0.0.1/", "forbidden_address"),
        ("http://127.0.0.2/", "forbidden_address"),
        ("//169.254.169.254/latest/meta-data", "forbidden_address"),
        ("http://[::1]/", "forbidden_address"),
        ("http://2130706433/", "forbidden_address"),
        ("http://[", "forbidden_address"),
    ],
)
def test_a_redirect_is_checked_like_the_first_address(location: str, code: str) -> None:
    with serving({"/a": redirect(location)}) as site:
        error = refusal(fetcher(), f"http://127.0.0.1:{site.port}/a")
    assert error.code == code
    assert "secret" not in str(error)


def test_a_redirect_without_location() -> None:
    with serving({"/a": answer(b"", 302)}) as site:
        assert refusal(fetcher(), f"http://127.0.0.1:{site.port}/a").code == "asset_not_found"


@pytest.mark.parametrize("allowed", [False, True])
def test_a_redirect_from_https_to_http(monkeypatch: pytest.MonkeyPatch, allowed: bool) -> None:
    """Only where it was allowed."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with serving({"/b": answer(IMAGE)}) as plain, serving({}, tls=True) as secure:
        secure.pages["/a"] = redirect(f"http://127.0.0.1:{plain.port}/b")
        one = fetcher(lambda _host: ["127.0.0.1"], fetch_https_to_http=allowed)
        uri = f"https://assets.test:{secure.port}/a"
        if allowed:
            assert one.fetch(uri) == IMAGE
        else:
            assert refusal(one, uri).code == "forbidden_address"
            assert plain.asked == []


def test_a_redirect_to_a_scheme_that_is_not_allowed() -> None:
    with serving({"/a": redirect("https://127.0.0.1/")}) as site:
        error = refusal(fetcher(asset_schemes="http"), f"http://127.0.0.1:{site.port}/a")
    assert error.code == "forbidden_address"


@pytest.mark.parametrize("encoding", ["br", "utf-8", "none", "binary", "gzip, gzip", "", "identity"])
def test_an_unknown_encoding_is_none(encoding: str) -> None:
    with serving({"/a": answer(IMAGE, Content_Encoding=encoding)}) as site:
        assert fetcher().fetch(f"http://127.0.0.1:{site.port}/a") == IMAGE


@pytest.mark.parametrize(
    ("path", "asked"),
    [("/caf\udce9.jpg", "/caf%E9.jpg"), ("/caf\u00e9.jpg?\u00e9", "/caf%C3%A9.jpg?%C3%A9"), ("/a%20b", "/a%20b")],
)
def test_raw_bytes_in_an_address_are_escaped(path: str, asked: str) -> None:
    """As a shell hands them over: in UTF-8 or not."""
    with serving({asked.partition("?")[0]: answer(IMAGE)}) as site:
        assert fetcher().fetch(f"http://127.0.0.1:{site.port}{path}") == IMAGE
        assert [found for found, _ in site.asked] == [asked]


@pytest.mark.parametrize(
    ("location", "asked"), [(b"/caf\xc3\xa9.jpg", "/caf%C3%A9.jpg"), (b"/caf\xe9.jpg", "/caf%E9.jpg")]
)
def test_raw_bytes_in_a_location_are_escaped(location: bytes, asked: str) -> None:
    pages = {"/a": redirect(location.decode("latin-1")), asked: answer(IMAGE)}
    with serving(pages) as site:
        assert fetcher().fetch(f"http://127.0.0.1:{site.port}/a") == IMAGE


def test_the_user_agent_is_a_setting() -> None:
    seen = []

    def page(visit: BaseHTTPRequestHandler) -> None:
        seen.append(visit.headers["User-Agent"])
        answer(IMAGE)(visit)

    with serving({"/a": page}) as site:
        for one in (fetcher(), fetcher(fetch_user_agent="museum (mail@example.com)")):
            one.fetch(f"http://127.0.0.1:{site.port}/a")
    assert seen == ["cladist", "museum (mail@example.com)"]


def test_a_proxy_is_asked_for_everything_that_is_allowed() -> None:
    """Names are its to resolve; addresses that are written out, and hosts, are checked before it is asked."""

    def unresolved(host: str) -> list[str]:
        raise AssertionError(host)

    uri = "http://assets.example/a.jpg"
    with serving({uri: answer(IMAGE), "/a.jpg": answer(IMAGE)}) as site:
        behind = {"fetch_proxy": f"http://127.0.0.1:{site.port}", "asset_networks": ""}
        assert fetcher(unresolved, **behind).fetch(uri) == IMAGE
        assert [host for _, host in site.asked] == ["assets.example"]
        for refused, more in (
            ("http://10.0.0.1/a", {}),
            ("http://2130706433/a", {}),
            (uri, {"asset_hosts": "b.example"}),
        ):
            assert refusal(fetcher(unresolved, **behind, **more), refused).code == "forbidden_address"
        assert len(site.asked) == 1
