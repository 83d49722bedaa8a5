"""Bodies, headers and addresses that mean harm: the right status and code, and nothing left behind."""

import json
import logging

import pytest
from api_callers import ApiCaller, problem

from worker.api.parts import Parts
from worker.db.engine import Database
from worker.errors import DatabaseError

pytestmark = pytest.mark.usefixtures("bundle")

URI = "https://example.com/a.jpg"


def nested(levels: int) -> bytes:
    inside = b"[" * levels + b"]" * levels
    return b'{"assets": [{"uri": "%s", "metadata": {"deep": %s}}]}' % (URI.encode(), inside)


def body_with(text: bytes) -> bytes:
    return b'{"assets": [{"uri": "%s", "metadata": {"x": %s}}]}' % (URI.encode(), text)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid_request"),
        (b"null", 422, "invalid_request"),
        (b"{", 422, "invalid_request"),
        (b"\xff\xfe", 422, "invalid_request"),
        (b"[" * 100_000, 400, "invalid_request"),
        (b'{"a":' * 50_000, 400, "invalid_request"),
        (nested(40), 400, "invalid_request"),
        (b'{"assets": []}', 422, "invalid_request"),
        (b'{"assets": {}}', 422, "invalid_request"),
        (b'{"assets": [1]}', 422, "invalid_request"),
        (b'{"assets": [{"uri": 1}]}', 422, "invalid_request"),
        (b'{"assets": [{"uri": "https://h/a", "tenant": "other"}]}', 422, "invalid_request"),
        (b'{"assets": [{"uri": "https://h/a"}], "queue": null}', 422, "invalid_request"),
        (json.dumps({"assets": [{"uri": URI}] * 1001}).encode(), 422, "invalid_request"),
        (body_with(b"NaN"), 422, "invalid_request"),
        (body_with(b"1e999"), 422, "invalid_request"),
        (body_with(b'"\\ud800"'), 422, "invalid_request"),
        (body_with(b'"\\u0000"'), 400, "invalid_request"),
        (body_with(b"9" * 5000), 422, "invalid_request"),
        (body_with(b'"' + b"x" * 70_000 + b'"'), 422, "invalid_request"),
        (b'{"assets": [{"uri": "https://h/\\ud800"}]}', 422, "invalid_request"),
        (b'{"assets": [{"uri": "https://h/a", "name": "\x00"}]}', 400, "invalid_request"),
    ],
    ids=range(22),
)
def test_a_body_that_is_no_submission_is_refused(shop: ApiCaller, body: bytes, status: int, code: str) -> None:
    """By the kind of what is wrong, and no job is made."""
    answer = shop("POST", "/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    found = problem(answer)
    assert found in {(status, code), (400, code)}, answer.text
    assert found[0] < 500
    assert shop("GET", "/v1/jobs").json()["items"] == []


def test_an_escaped_backslash_before_u0000_is_text(shop: ApiCaller) -> None:
    """And depth inside of a string is none."""
    body = body_with(b'"\\\\u0000' + b"[" * 100 + b'"')
    done = shop("POST", "/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert done.status_code == 202


def test_a_huge_body_is_refused_unread(shop: ApiCaller, parts: Parts) -> None:
    """By its length if that is told, and else as soon as it is too long."""
    size = parts.settings.api_max_bytes + 1
    told = shop("POST", "/v1/jobs", content=b"x" * size, headers={"Content-Type": "application/json"})
    assert problem(told) == (413, "body_too_large")
    chunks = (b" " * 65_536 for _ in range(size // 65_536 + 1))
    untold = shop("POST", "/v1/jobs", content=chunks, headers={"Content-Type": "application/json"})
    assert problem(untold) == (413, "body_too_large")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_what_is_not_plain_json_is_not_read(shop: ApiCaller, headers: dict[str, str]) -> None:
    assert problem(shop("POST", "/v1/jobs", content=b"{}", headers=headers)) == (415, "unsupported_body")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs/0", "/v1/jobs/-1", "/v1/jobs/x", f"/v1/jobs/{2**63}", "/v1/jobs/%F0%9F%92%A5", "/v1/jobs?limit=0",
        "/v1/jobs?limit=501", "/v1/jobs?cursor=x", "/v1/jobs?status=odd", "/v1/jobs?batch=99999999999999999999",
        "/v1/labels", "/v1/labels?under=", "/v1/labels?under=shape&min_confidence=nan",
        "/v1/labels?under=shape&cursor=1_", "/v1/labels?under=shape&min_confidence=2", "/v1/nodes",
        "/v1/assets/" + "9" * 400,
    ],
)  # fmt: skip
def test_what_is_no_id_or_filter_is_refused(shop: ApiCaller, path: str) -> None:
    assert problem(shop("GET", path)) == (422, "invalid_request")


@pytest.mark.parametrize("path", ["/v1/nodes?q=%00", "/v1/jobs/%00", "/v1/labels?under=a%00b"])
def test_a_nul_in_an_address_is_refused(shop: ApiCaller, path: str) -> None:
    assert problem(shop("GET", path)) == (400, "invalid_request")


def test_odd_names_of_nodes_are_not_found(shop: ApiCaller) -> None:
    """Whatever the bytes are."""
    for text in ("%ff%fe", "%ed%a0%80", "' OR 1=1 --", "%F0%9F%92%A5", "a" * 2000, " > > ", "\\", "%"):
        assert problem(shop("GET", f"/v1/nodes?q={text}")) == (404, "not_found")


def test_unknown_addresses_and_methods_are_problems(shop: ApiCaller) -> None:
    assert problem(shop("GET", "/v1/nothing")) == (404, "not_found")
    assert problem(shop("PUT", "/v1/jobs", json={})) == (405, "method_not_allowed")
    assert problem(shop("GET", "/docs")) == (404, "not_found")


def test_an_error_of_ours_is_logged_and_not_told(
    shop: ApiCaller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """500 with the id of the request; the log has the traceback under it."""

    def fail(*_: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("worker.api.routes.queues.list_queues", fail)
    with caplog.at_level(logging.ERROR, "cladist.api"):
        answer = shop("GET", "/v1/queues")
    assert problem(answer) == (500, "internal_error")
    assert "secret" not in answer.text
    assert "secret inside" in caplog.text


def test_a_database_that_is_down_is_503_and_not_named(shop: ApiCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DatabaseError("no route to host", source="postgresql://db.internal/cladist")

    monkeypatch.setattr("worker.api.routes.queues.list_queues", fail)
    answer = shop("GET", "/v1/queues")
    assert problem(answer) == (503, "unavailable")
    assert "internal" not in answer.text.replace("internal_error", "")
    assert answer.headers["retry-after"] == "1"


def test_a_key_never_stands_in_an_answer_or_a_log(
    shop: ApiCaller, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    del database
    with caplog.at_level(logging.DEBUG):
        answers = [shop("GET", "/v1/keys"), shop("GET", "/v1/jobs/x"), shop("POST", "/v1/jobs", content=b"{")]
    secret = shop.key.key.rpartition("_")[2]
    assert all(secret not in answer.text for answer in answers)
    assert shop.key.key not in caplog.text
