"""Assets in object stores: fsspec's memory, and s3 by its real driver against a small store on this machine."""

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import fsspec
import pytest
from hostile_site import Page, Site, answer, fetcher, refusal, serving

from worker.errors import RetryableError
from worker.fetch.fetcher import Fetcher

BODY = bytes(range(256)) * 40_000  # more than one piece


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """The store in memory, empty before and afterwards."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    yield store
    store.store.clear()


def test_objects_are_fetched_whole(memory: fsspec.AbstractFileSystem) -> None:
    """Whole objects, larger than a piece and empty ones; what is not there; what is a folder; what is too large."""
    memory.pipe({"/photos/a.jpg": BODY, "/photos/deep/b?c#d.jpg": b"b", "/photos/empty": b""})
    one = fetcher(asset_schemes="memory")
    assert one.fetch("memory://photos/a.jpg") == BODY
    assert one.fetch("memory://photos/deep/b?c#d.jpg") == b"b"
    assert one.fetch("memory://photos/empty") == b""
    assert refusal(one, "memory://photos/none.jpg").code == "asset_not_found"
    assert refusal(one, "memory://photos/deep").code == "access_denied"
    assert (
        refusal(fetcher(asset_schemes="memory", asset_max_bytes=9), "memory://photos/a.jpg").code == "image_too_large"
    )


def test_only_allowed_buckets_are_read(memory: fsspec.AbstractFileSystem) -> None:
    """The workers' credentials read more than who submits may ask for."""
    memory.pipe({"/photos/a": b"a", "/payroll/a": b"b"})
    one = fetcher(asset_schemes="memory", asset_buckets="photos,pictures")
    assert one.fetch("memory://photos/a") == b"a"
    assert refusal(one, "memory://payroll/a").code == "access_denied"
    assert refusal(one, "memory://photos").code == "asset_not_found"


@pytest.mark.parametrize(
    "place",
    ["evil.test:9000/key", "key:secret@bucket/key", "container@evil.blob.core.windows.net/key", "[::1]/key", "/key",
     "..", "bucket::http://evil.test/key", "arn:aws:s3:us-west-2:123456789012:accesspoint/test/object",
     "%2e%2e/key", "b c/key"],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["s3", "memory"])
def test_no_uri_says_where_the_store_is(scheme: str, place: str) -> None:
    """A bucket is a name: no host, no port, no account, no chain of file systems, no credentials."""
    error = refusal(fetcher(asset_schemes=scheme), f"{scheme}://{place}")
    assert error.code == "forbidden_address"
    assert "secret" not in str(error)


def s3_object(body: bytes) -> Page:
    """An object that is told in whole and given by range, as S3 does."""

    def page(visit: BaseHTTPRequestHandler) -> None:
        head = {"ETag": '"e"', "Last_Modified": "Tue, 24 Nov 2026 12:00:00 GMT"}
        if visit.command == "HEAD":
            answer(b"", Content_Length=str(len(body)), **head)(visit)
            return
        first, _, last = visit.headers["Range"].removeprefix("bytes=").partition("-")
        part = body[int(first) : int(last) + 1]
        answer(part, 206, Content_Range=f"bytes {first}-{last}/{len(body)}", **head)(visit)

    return page


def s3_fault(status: int, code: str) -> Page:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    return answer(body, status, Content_Type="application/xml")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Site, Fetcher]]:
    """A store that the environment names, and a fetcher for it."""
    names = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_DEFAULT_REGION": "us-east-1"}
    with serving({}) as site:
        for name, value in {
            **names,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{site.port}",
            "AWS_MAX_ATTEMPTS": "1",
        }.items():
            monkeypatch.setenv(name, value)
        yield site, fetcher(asset_schemes="s3", asset_networks="", fetch_total_s=60)


def test_s3_objects_are_fetched(s3: tuple[Site, Fetcher]) -> None:
    """By the real driver: the endpoint is the operator's, though it is no public address."""
    site, one = s3
    site.pages["/photos/a.jpg"] = s3_object(BODY)
    assert one.fetch("s3://photos/a.jpg") == BODY
    site.pages["/photos/huge.jpg"] = answer(b"", Content_Length=str(2**40), ETag='"e"')
    assert refusal(one, "s3://photos/huge.jpg").code == "image_too_large"


def test_s3_objects_that_cannot_be_had(s3: tuple[Site, Fetcher]) -> None:
    site, one = s3
    site.pages |= {"/photos/none.jpg": s3_fault(404, "NoSuchKey"), "/photos": s3_fault(404, "NoSuchBucket")}
    site.pages |= {"/photos/mine.jpg": s3_fault(403, "AccessDenied")}
    assert refusal(one, "s3://photos/none.jpg").code == "asset_not_found"
    assert refusal(one, "s3://photos/mine.jpg").code == "access_denied"


def test_s3_that_fails_or_never_answers(s3: tuple[Site, Fetcher]) -> None:
    site, one = s3
    site.pages |= {"/photos/a.jpg": s3_fault(500, "InternalError"), "/photos/b.jpg": silent}
    with pytest.raises(RetryableError):
        one.fetch("s3://photos/a.jpg")
    hasty = fetcher(asset_schemes="s3", fetch_total_s=0.3)
    assert refusal(hasty, "s3://photos/b.jpg").code == "fetch_timeout"


def silent(visit: BaseHTTPRequestHandler) -> None:
    visit.rfile.read()


class HttpResponseError(Exception):
    """As Azure's client raises it."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"Operation returned an invalid status {status_code}\nContent: ?sig=secret")
        self.status_code = status_code


class FailingStore(fsspec.AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A driver whose every question ends with an error."""

    error: Exception

    def info(self, _path: str, **_options: object) -> dict[str, object]:
        raise self.error


@pytest.mark.parametrize(
    ("error", "code"),
    [(HttpResponseError(403), "access_denied"), (HttpResponseError(401), "access_denied"),
     (OSError("Forbidden: https://x/?sig=secret\nno"), "access_denied"), (PermissionError("no"), "access_denied"),
     (IsADirectoryError("photos"), "access_denied"), (NotADirectoryError("photos"), "asset_not_found"),
     (TimeoutError(), None), (HttpResponseError(503), None), (OSError("reset"), None), (RuntimeError("?"), None)],
)  # fmt: skip
def test_what_drivers_raise_becomes_a_code_or_another_attempt(
    error: Exception, code: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusals are final; whatever else a driver raises costs the one asset an attempt."""
    monkeypatch.setattr(FailingStore, "error", error, raising=False)
    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "az", FailingStore)
    one = fetcher(asset_schemes="az")
    if code is not None:
        refused = refusal(one, "az://photos/a")
        assert refused.code == code
        assert "secret" not in str(refused)
    else:
        with pytest.raises(RetryableError, match=f"the store failed: {type(error).__name__}"):
            one.fetch("az://photos/a")
