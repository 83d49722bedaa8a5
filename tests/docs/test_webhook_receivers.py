"""The receivers that docs/howto/webhooks.md shows, run as servers: they take what is signed, once, and nothing else."""

import importlib.util
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from free_port import free_port, is_open
from pages import DOCS, blocks
from waiting import wait_until

from worker.settings import Settings
from worker.webhooks.payloads import test_body as body_of_test
from worker.webhooks.post import Poster
from worker.webhooks.signing import Signer, new_secret

PAGE = DOCS / "howto" / "webhooks.md"
DJANGO_SITE = """
import sys
from wsgiref.simple_server import make_server
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path
settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="for this test", ALLOWED_HOSTS=["127.0.0.1"])
import receiver
urlpatterns = [path("hooks", receiver.hooks)]
make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application()).serve_forever()
"""


def shown(framework: str) -> str:
    (text,) = (block.text for block in blocks(PAGE) if f"from {framework}" in block.text)
    return text


@contextmanager
def serving(framework: str, folder: Path, secret: str) -> Iterator[tuple[str, Path]]:
    """The address of the receiver, and the file that it prints to."""
    (folder / "receiver.py").write_text(shown(framework))
    (folder / "site_of_test.py").write_text(DJANGO_SITE)
    port, said = free_port(), folder / "said.txt"
    commands = {
        "fastapi": ["-m", "uvicorn", "receiver:app", "--port", str(port), "--log-level", "warning"],
        "django": ["site_of_test.py", str(port)],
    }
    given = {**os.environ, "WEBHOOK_SECRET": secret}
    with (
        said.open("w") as stream,
        (folder / "errors.txt").open("w") as errors,
        subprocess.Popen(
            [sys.executable, *commands[framework]], cwd=folder, env=given, stdout=stream, stderr=errors
        ) as process,
    ):
        try:
            wait_until(lambda: is_open(port) or process.poll() is not None, framework)
            assert process.poll() is None, (folder / "errors.txt").read_text()
            yield f"http://127.0.0.1:{port}/hooks", said
        finally:
            process.terminate()


@pytest.mark.parametrize("framework", ["fastapi", "django"])
def test_a_receiver_takes_what_is_signed_once(framework: str, tmp_path: Path) -> None:
    """By the new secret or the old one; not what another signed, what is old, and what is no signature at all."""
    if importlib.util.find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    secret, other = new_secret(), new_secret()
    settings = Settings().model_copy(update={"webhook_networks": (ip_network("127.0.0.1/32"),)})
    poster, body = Poster(settings), body_of_test("2026-03-01T09:30:00+00:00", "shop")
    with serving(framework, tmp_path, secret) as (url, said):
        both = Signer([other, secret]).headers("msg_1", body)
        assert [poster.post(url, both, body).status for _ in range(2)] == [204, 204]
        refused = [
            Signer([other]).headers("msg_2", body),
            {**both, "webhook-id": "msg_3"},
            {**both, "webhook-timestamp": "1700000000"},
            {**both, "webhook-signature": "v1,!!! v2"},
            {"webhook-id": "msg_4"},
        ]
        assert [poster.post(url, headers, body).status for headers in refused] == [401] * len(refused)
        assert poster.post(url, both, body + b" ").status == 401
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url)
        assert caught.value.code == 405
        caught.value.close()
        assert said.read_text() == "webhook.test shop\n"
