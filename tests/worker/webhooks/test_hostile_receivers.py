"""Receivers that redirect, lie about where they are, talk without end or say nothing."""

import itertools
import time
from http.server import BaseHTTPRequestHandler

import pytest
from hostile_site import answer, redirect, serving
from receivers import POSTED, receiving
from webhook_world import World

from worker.errors import WebhookError
from worker.webhooks.deliveries import send_test
from worker.webhooks.post import Answer, Poster, checked_url


def posted(world: World, url: str, **changes: object) -> Answer:
    poster = Poster(world.settings.model_copy(update=changes))
    return poster.post(url, {"webhook-id": "msg_1"}, b"{}")


# What a receiver does is no matter of the database.
EMBEDDED = pytest.mark.parametrize("settings", ["embedded"], indirect=True)


@EMBEDDED
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure(world: World, status: int) -> None:
    """Nobody is asked at the other address."""
    with receiving() as elsewhere, receiving(redirect(elsewhere.url, status)) as receiver:
        found = posted(world, receiver.url)
    assert (found.status, found.is_taken) == (status, False)
    assert not elsewhere.received


@EMBEDDED
@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.2/", "http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::1]/", "http://0x7f.1/"],
)
def test_private_addresses_are_refused_early(world: World, url: str) -> None:
    """When they are added, and again when they are posted to."""
    with pytest.raises(WebhookError) as caught:
        world.add(url)
    assert "CLADIST_WEBHOOK_NETWORKS" in str(caught.value) or "usual spelling" in str(caught.value)
    assert posted(world, url).status is None


@EMBEDDED
@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "https://user:pw@example.com/", "https://", "nothing", "https://a b/", "x" * 3000]
)
def test_what_is_no_address(world: World, url: str) -> None:
    """One line, which quotes no password."""
    with pytest.raises(WebhookError) as caught:
        world.add(url)
    assert "pw" not in str(caught.value)


@EMBEDDED
def test_a_name_that_moves_inside_between_two_questions(world: World) -> None:
    """DNS rebinding: the address that was checked is the one that is connected to, and each is checked."""
    answers = itertools.chain([["127.0.0.1"]], itertools.repeat(["127.0.0.2"]))
    asked: list[str] = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return next(answers)

    with receiving() as good, serving({POSTED: answer(b"inside")}, "127.0.0.2", port_of(good.url)) as inside:
        poster = Poster(world.settings, resolve)
        url = f"http://hooks.test:{port_of(good.url)}{POSTED}"
        good.page = close_after_answer
        assert poster.post(url, {}, b"{}").is_taken
        second = poster.post(url, {}, b"{}")
    assert second.status is None
    assert "CLADIST_WEBHOOK_NETWORKS" in second.text
    assert not inside.asked
    assert asked == ["hooks.test"] * len(asked)


@EMBEDDED
def test_a_name_of_several_addresses_one_of_them_private(world: World) -> None:
    poster = Poster(world.settings, lambda _: ["93.184.216.34", "10.0.0.1"])
    assert "CLADIST_WEBHOOK_NETWORKS" in poster.post("https://hooks.test/", {}, b"{}").text


@EMBEDDED
def test_an_unknown_certificate_is_not_trusted(world: World) -> None:
    with serving({POSTED: answer(b"")}, tls=True) as site:
        found = posted(world, f"https://127.0.0.1:{site.port}{POSTED}")
    assert found.status is None
    assert "connection failed" in found.text


@EMBEDDED
def test_a_huge_answer_is_read_no_further_than_4_kb(world: World) -> None:
    """It counts by its status; of its text the first 200 characters are kept."""

    def endless(visit: BaseHTTPRequestHandler) -> None:
        visit.send_response(200)
        visit.end_headers()
        visit.close_connection = True
        for _ in range(10_000):
            visit.wfile.write(b"x" * 65_536)

    with receiving(endless) as receiver:
        began = time.monotonic()
        found = posted(world, receiver.url)
    assert (found.status, len(found.text)) == (200, 200)
    assert time.monotonic() - began < 2.0


@EMBEDDED
def test_slow_answers_end_with_the_time(world: World) -> None:
    """A status in time counts, though its body drips; a status that drips is none."""

    def drips(visit: BaseHTTPRequestHandler) -> None:
        visit.send_response(200)
        visit.send_header("Content-Length", "1000")
        visit.end_headers()
        for _ in range(100):
            visit.wfile.write(b"x")
            time.sleep(0.05)

    def mute(visit: BaseHTTPRequestHandler) -> None:
        for letter in b"HTTP/1.1 200 OK":
            visit.wfile.write(bytes([letter]))
            time.sleep(0.2)

    for page, status in ((drips, 200), (mute, None)):
        with receiving(page) as receiver:
            began = time.monotonic()
            found = posted(world, receiver.url, webhook_timeout_s=0.5)
        assert found.status == status
        assert time.monotonic() - began < 2.0


@EMBEDDED
def test_answers_are_kept_without_secrets_and_signs_that_act(world: World) -> None:
    body = b'\x1b[2J{"token": "abcdefghijk"} \xff' + b"y" * 500
    with receiving(answer(body, 500)) as receiver:
        found = posted(world, receiver.url)
    assert "abcdefghijk" not in found.text
    assert "\x1b" not in found.text
    assert len(found.text) <= 200


@EMBEDDED
@pytest.mark.parametrize("raw", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200"])
def test_answers_that_are_cut_or_none(world: World, raw: bytes) -> None:
    def page(visit: BaseHTTPRequestHandler) -> None:
        visit.wfile.write(raw)
        visit.close_connection = True

    with receiving(page) as receiver:
        found = posted(world, receiver.url)
    assert found.status is None
    assert "connection failed" in found.text


def test_a_test_says_what_the_receiver_answers(world: World) -> None:
    """It is signed, and stands in the log."""
    with receiving() as receiver:
        added = world.add(receiver.url)
        poster = Poster(world.settings)
        good = send_test(world.database, poster, added.id)
        receiver.page = answer(b"no", 400)
        bad = send_test(world.database, poster, added.id)
    assert (good["status"], good["type"], good["answer_status"]) == ("delivered", "webhook.test", 200)
    assert (bad["status"], bad["answer"]) == ("failed", "no")
    for each in receiver.received:
        each.verify(added.secret)
        assert each.payload["data"]["tenant"] == "default"
    assert len({each.id for each in receiver.received}) == 2
    assert [row.status for row in world.deliveries()] == ["delivered", "failed"]


def close_after_answer(visit: BaseHTTPRequestHandler) -> None:
    answer(b"")(visit)
    visit.close_connection = True


def port_of(url: str) -> int:
    return checked_url(url).port or 0
