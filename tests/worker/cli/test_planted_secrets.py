"""Secrets that were planted wherever one can stand: no output and no message tells them."""

import json
import logging
import os
from pathlib import Path
from typing import NoReturn

import pytest
from command_line import Cladist
from fixture_types import MakeBundle
from hostile_site import answer, serving

from worker.db.engine import Database
from worker.errors import BrokerError
from worker.jobs.claims import Claim
from worker.models.registration import add_bundle
from worker.pipeline.in_flight import InFlight, Item
from worker.pipeline.watchdog import give_up
from worker.process.celery_app import make_app, publisher
from worker.settings import Settings
from worker.telemetry.logs import configure_logging
from worker.telemetry.redaction import safe_message

PLANTED = "pl4nted"


@pytest.mark.parametrize(
    "address",
    [
        f"https://user:{PLANTED}@h/x.png",
        f"https://user:{PLANTED}@ho\u2102st/x.png",
        f"https://user:{PLANTED}%40%2F@[::1/x.png?token={PLANTED}",
        f"nothing://{PLANTED}:{PLANTED}/{PLANTED}@h#token={PLANTED}",
        f"file://user:{PLANTED}@h/x",
    ],
)
def test_submit_echoes_no_password(cladist: Cladist, address: str) -> None:
    assert PLANTED not in cladist.refused("submit", address)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{PLANTED}@127.0.0.1:1/d?password={PLANTED}&sslpassword={PLANTED}",
        f"postgresql://u:{PLANTED}%2F%40@127.0.0.1:1/d",
        f"postgresql://u:{PLANTED}/@x@127.0.0.1:1/d",
        f"mysql://u:{PLANTED}@127.0.0.1/d",
    ],
)
def test_no_database_url_is_echoed(cladist: Cladist, url: str) -> None:
    done = cladist("db", "upgrade", CLADIST_DATABASE_URL=url)
    assert done.returncode == 2
    assert PLANTED not in done.stdout + done.stderr


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_failing_fetch_tells_no_token(
    cladist: Cladist, make_bundle: MakeBundle, tmp_path: Path, log_format: str
) -> None:
    """In the logs, in the stored message and in the tables; the JSON of a job has its address, as it was submitted."""
    database = Database(f"sqlite:///{cladist.folder}/cladist.db")
    database.upgrade()
    add_bundle(database, make_bundle(tmp_path / "bundle").folder)
    database.close()
    with serving({"/x.png": answer(b"no image")}) as site:
        uri = f"http://127.0.0.1:{site.port}/x.png?X-Signature={PLANTED}&t={PLANTED}-long-token"
        (job,) = cladist.ok("submit", uri, f"{uri}#{PLANTED}")[:1]
        settings = {"CLADIST_LOG_FORMAT": log_format, "CLADIST_LOG_LEVEL": "DEBUG"}
        done = cladist("worker", "--drain", CLADIST_ASSET_NETWORKS="127.0.0.1/32", **settings)
    assert done.returncode == 0, done.stderr
    assert "unreadable_image" in done.stderr or "unsupported_format" in done.stderr
    assert PLANTED not in done.stdout + done.stderr
    assert PLANTED not in "".join([*cladist.ok("jobs", "list"), *cladist.ok("jobs", "show", job)])
    shown = json.loads("".join(cladist.ok("jobs", "show", job, "--json")))
    assert shown["message"]
    assert PLANTED not in shown["message"]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_watchdog_tells_no_token(
    log_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(code: int) -> NoReturn:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", ended)
    database = Database(f"sqlite:///{tmp_path}/cladist.db")
    database.upgrade()
    handlers = logging.getLogger().handlers[:]
    configure_logging(log_format, "INFO", "here:1")
    item = Item(Claim(1, 1, 1, 1, f"https://h/x.png?t={PLANTED}"))
    with pytest.raises(SystemExit):
        give_up(database, InFlight(), [item], Settings(), "stood still")
    logging.getLogger().handlers[:] = handlers
    captured = capsys.readouterr().err
    assert "stood still" in captured
    assert PLANTED not in captured


@pytest.mark.parametrize(
    "url", [f"redis://u:{PLANTED}@127.0.0.1:1/0?password={PLANTED}", f"amqp://u:{PLANTED}@127.0.0.1:1//"]
)
def test_a_broker_that_is_away_tells_no_password(url: str) -> None:
    with pytest.raises(BrokerError) as caught:
        publisher(make_app(Settings(broker_url=url)))([1])
    assert PLANTED not in safe_message(str(caught.value))
