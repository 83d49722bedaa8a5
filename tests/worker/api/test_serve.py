"""`cladist serve` and `cladist keys` as processes: real connections, slow and broken clients, and an end in order."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from command_line import CLADIST, environment
from free_port import free_port, is_open
from waiting import wait_until

from worker.access.keys import Scope, create_key
from worker.db.engine import Database
from worker.settings import Settings

# Serves as `cladist serve` does, and says at its end which of the model's libraries were loaded.
TELLING = """
import atexit, sys
atexit.register(lambda: print("loaded:", *(n for n in ("torch", "timm", "celery", "numpy") if n in sys.modules)))
from worker.cli.main import main
main()
"""


@contextmanager
def served(settings: Settings) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """A serving process that answers, and its port; killed at the end."""
    port = free_port()
    command = [sys.executable, "-c", TELLING, "serve", "--port", str(port)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(settings), text=True, **pipes) as process:  # type: ignore[call-overload] # of the pipes
        try:
            wait_until(lambda: is_open(port) or process.poll() is not None, "cladist serve")
            yield port, process
        finally:
            process.kill()


@pytest.mark.usefixtures("bundle")
def test_a_serving_process_from_beginning_to_end(settings: Settings, database: Database) -> None:
    """It answers, loads no model, outlives broken clients, and at SIGTERM answers what is in flight and ends with 0."""
    key = create_key(database, "shop", set(Scope), "test").key
    headers = {"Authorization": f"Bearer {key}"}
    answers: list[httpx2.Response] = []
    with served(settings) as (port, process), httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
        _break_off(port, key)
        body = {"assets": [{"uri": "https://example.com/a.jpg"}]}
        assert client.post("/v1/jobs", json=body, headers=headers).status_code == 202
        waiting = threading.Thread(
            target=lambda: answers.append(
                client.post("/v1/jobs", json=body, headers={**headers, "Prefer": "wait=30"}, timeout=60)
            )
        )
        waiting.start()
        wait_until(lambda: len(client.get("/v1/jobs", headers=headers).json()["items"]) == 2, "the second job")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        waiting.join()
    assert process.returncode == 0, err
    assert answers[0].status_code == 202
    assert time.monotonic() - began < 15
    assert out.strip().removeprefix("loaded:").split() in ([], ["celery"], ["numpy"], ["celery", "numpy"]), out
    lines = [json.loads(line) for line in err.splitlines()]
    assert {"POST /v1/jobs"} <= {line["event"] for line in lines}
    assert all(line["request_id"] for line in lines if line["event"] == "POST /v1/jobs")
    assert key not in err


def _break_off(port: int, key: str) -> None:
    """Half a body, half a head, nonsense: nothing is submitted, and others are answered."""
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key}\r\nContent-Length: 500\r\n\r\n"
    for sent in (head + '{"assets": [', "POST /v1/jo", "\x16\x03\x01 nonsense\r\n\r\n", head):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(sent.encode())


def test_keys_on_the_command_line(settings: Settings, database: Database) -> None:
    """Made and shown once, listed without, rotated, revoked; wrong words are refused in one line."""
    del database

    def cladist(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*CLADIST, *words], env=environment(settings), capture_output=True, text=True, check=False
        )

    made = json.loads(cladist("keys", "create", "--tenant", "shop", "--scope", "read,submit", "--json").stdout)
    assert sorted(made) == ["id", "key"]
    listed = cladist("keys", "list", "--json").stdout
    assert made["key"] not in listed
    assert json.loads(listed)["scopes"] == ["read", "submit"]
    rotated = cladist("keys", "rotate", str(made["id"])).stdout.strip()
    assert rotated.startswith(f"cladist_{made['id']}_")
    assert rotated != made["key"]
    assert cladist("keys", "revoke", str(made["id"])).stdout == f"key {made['id']} is revoked\n"
    again = cladist("keys", "revoke", str(made["id"]))
    assert (again.returncode, again.stderr) == (2, f"cladist: key {made['id']} was revoked\n")
    odd = cladist("keys", "create", "--scope", "everything")
    assert odd.returncode == 2
    assert "write some of read, submit, review, admin" in odd.stderr


def test_without_the_extra_it_is_said_what_to_install(settings: Settings, tmp_path: Path) -> None:
    """One line."""
    (tmp_path / "fastapi.py").write_text("raise ModuleNotFoundError('no', name='fastapi')")
    given = environment(settings)
    given["PYTHONPATH"] = f"{tmp_path}:{given.get('PYTHONPATH', '')}"
    done = subprocess.run([*CLADIST, "serve"], env=given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "cladist: the HTTP API is not installed: pip install 'cladist[api]'\n")
