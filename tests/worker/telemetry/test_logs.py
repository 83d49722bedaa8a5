"""Log lines: what they name, and what they never say."""

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from worker.jobs.claims import Claim
from worker.pipeline.log_context import about, claim_fields
from worker.telemetry.logs import configure_logging
from worker.telemetry.redaction import redacted, redacted_line, safe_message, visible, visible_json

ACTING = set("\x1b\x07\x7f\x9b\u202e\u200b\udcff\U000e0041")


@pytest.fixture(autouse=True)
def _logging_put_back() -> Iterator[None]:
    """Whatever a test sets up is gone afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def objects(captured: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.splitlines()]


def test_a_line_names_job_asset_and_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    """One job by its numbers, several by lists of them, and none at all outside."""
    configure_logging("json", "INFO", "here:1")
    log = logging.getLogger("cladist.test")
    one, two = Claim(7, 2, 70, 1, "file:///a"), Claim(8, 1, 80, 1, "file:///b")
    with about([one]):
        log.info("first %d", 1)
    with about([one, two]):
        log.warning("second")
        log.info("third", extra=claim_fields(two))
    log.info("fourth")
    first, second, third, fourth = objects(capsys.readouterr().err)
    assert (first["event"], first["job"], first["asset"], first["attempt"]) == ("first 1", 7, 70, 2)
    assert (first["worker"], first["level"], first["logger"]) == ("here:1", "info", "cladist.test")
    assert (second["jobs"], second["assets"], second["attempts"], second["level"]) == (
        [7, 8],
        [70, 80],
        [2, 1],
        "warning",
    )
    assert (third["job"], third["asset"]) == (8, 80)
    assert not {"job", "jobs"} & set(fourth)


def test_a_traceback_is_one_line_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    """What a library says of a URL in an exception is redacted as well."""
    configure_logging("json", "INFO", "here:1")
    try:
        raise ValueError("cannot reach redis://user:hunter2@broker:6379/0")
    except ValueError:
        logging.getLogger("kombu").exception("amqp://guest:hunter3@rabbit//?password=hunter4")
    captured = capsys.readouterr().err
    (line,) = objects(captured)
    assert "ValueError" in line["exception"]
    assert "hunter" not in captured
    assert "user:***@broker" in line["exception"]


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """The same fields, in one line that is no JSON; below the level nothing."""
    configure_logging("text", "WARNING", "here:1")
    logging.getLogger("cladist.test").info("not this")
    logging.getLogger("cladist.test").warning("but this", extra={"job": 5})
    captured = capsys.readouterr().err
    assert "but this" in captured
    assert "job=5" in captured
    assert "not this" not in captured


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("postgresql://u:s3cret@h:5432/d?sslmode=require", "postgresql://u:***@h:5432/d?sslmode=require"),
        ("redis://:s3cret@h/0", "redis://:***@h/0"),
        ("https://b.s3/x.jpg?X-Amz-Credential=s3cret&X-Amz-Signature=s3cret&v=1", None),
        ("https://a/x?sig=s3cret&sv=2", "https://a/x?sig=***&sv=2"),
        ("host=h password=s3cret user=u", "host=h password=*** user=u"),
        ("https://h/a:b@c.jpg and u@example.org", "https://h/a:b@c.jpg and u@example.org"),
        ("file:///design=1&level=2", "file:///design=1&level=2"),
    ],
)
def test_no_secret_gets_into_a_log(text: str, kept: str | None) -> None:
    """Passwords and signatures go, addresses stay readable."""
    assert "s3cret" not in redacted_line(text)
    if kept is not None:
        assert redacted_line(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:s3cret/of@mine@h:5432/d",
        "netloc 'user:s3cret@ho\u2102st' contains invalid characters under NFKC normalization",
        "https://s3cret@github.com/x.png",
        "redis://h/0?password=s3cret",
        "https://h/x.png?pass%77ord=s3cret-and-long",
        "https://h/x.png?t=s3cret-token-of-somebody",
        "https://h/x.png?u=https%3A%2F%2Fu%3As3cret%40h",
        "{'password': 's3cret', 'user': 'u'}",
        '{"api_key": "s3cret"}',
        "Authorization: Bearer s3cret.of.somebody",
        "Authorization: ApiKey s3cret",
        "Cookie: session=s3cret; other=s3cret",
        "X-Auth-Token: s3cret",
        "password: s3cret",
        "[(b'Set-Cookie', b'session=s3cret')]",
        "authorization=Bearer%20s3cret-and-more",
        "host=h password='a s3cret' user=u",
        "https://h/x.png#s3cret",
        "https://h/x.png?s3cret-and-long",
        "https://user%3As3cret%40h/x.png",
        "redis://s3cret@h:6379/0",
        "a token eyJhbGciOiJIUzI1NiJ9.s3cret-and-more.s3cret of somebody",
        "ghp_s3crets3crets3crets3cret",
    ],
)
def test_secrets_in_odd_places(text: str) -> None:
    assert "s3cret" not in redacted_line(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://h:8080/pictures/a@2x.png",
        "test_resnet@0123456789abcdef is active",
        "job 7 failed: asset_not_found: https://h/x.png?size=10: the server answered 404",
        "author=somebody, 12:30:01 a@b",
        "not one of the allowed hosts (CLADIST_ASSET_HOSTS)",
        "the idempotency key 'k' was used for another asset",
        "no password was given, and no token: nobody is let in",
        "https://h/docs/",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted_line(text) == text


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_traceback_shows_local_variables(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    """Neither those of the frames, nor what an exception says of a URI."""
    configure_logging(log_format, "INFO", "here:1")

    def fail(secret: str) -> None:
        raise ValueError(f"https://h/x.png?sig={secret}")

    try:
        fail("hunter" + str(2))
    except ValueError:
        logging.getLogger("cladist.test").exception("it failed")
    captured = capsys.readouterr().err
    assert "ValueError" in captured
    assert "in fail" in captured
    assert "hunter2" not in captured


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_log_line_acts_on_a_terminal(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configure_logging(log_format, "INFO", "here:1")
    logging.getLogger("cladist.test").info("a\x1b]0;owned\x07b\u202ec\udcff %s", "\x9b2J", extra={"asset": "\x1b[2J"})
    captured = capsys.readouterr().err
    assert not ACTING & set(captured)
    assert "202e" in captured


def test_characters_that_act_are_shown() -> None:
    r"""As the escapes that Python writes; bytes that are no UTF-8 as `\xff`."""
    assert visible("\x1b[31m\u202eevil\u200b\udcff\U000e0041\n\tend") == (
        "\\x1b[31m\\u202eevil\\u200b\\xff\\U000e0041\n\tend"
    )
    assert visible("Käse > \u65e5\u672c\u8a9e \U0001f9c0") == "Käse > \u65e5\u672c\u8a9e \U0001f9c0"


def test_json_escapes_what_acts_and_means_the_same() -> None:
    value = {"name\x7f": "\x1b\x9b\u202e\u200b\udcff\U000e0041 Käse"}
    text = visible_json(json.dumps(value, ensure_ascii=False))
    assert not ACTING & set(text)
    assert "Käse" in text
    assert json.loads(text) == value


PIECES = ("a.", "token", "://a:", "://", "a:b@", "x-", "?a=", "'", "eyJ", "password", "://a?", "%40", "://u:p#", '\\"')


@pytest.mark.parametrize("piece", PIECES)
def test_no_text_takes_long_to_redact(piece: str) -> None:
    """However it repeats what is looked for: the longest argument that Linux allows, in seconds."""
    text = piece * (131_072 // len(piece))
    started = time.process_time()
    safe_message(text)
    redacted(text)
    assert time.process_time() - started < 20
