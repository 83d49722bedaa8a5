"""Servers for tests: given by the environment, or started privately, or else the test is skipped with the reason."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

_START_S = 30.0


def _missing(reason: str) -> None:
    """Skip, unless this run must not skip (CLADIST_TEST_REQUIRE_SERVICES)."""
    if os.environ.get("CLADIST_TEST_REQUIRE_SERVICES"):
        pytest.fail(f"{reason}, and CLADIST_TEST_REQUIRE_SERVICES is set")
    pytest.skip(reason)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for_port(port: int, process: subprocess.Popen) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args} did not open port {port}")


def _wait_for_answer(url: str) -> None:
    """PostgreSQL opens its port before it answers."""
    end = time.monotonic() + _START_S
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def _process(command: list[str], port: int, user: str | None = None) -> Iterator[None]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, user=user, **quiet) as process:
        try:
            _wait_for_port(port, process)
            yield
        finally:
            process.terminate()


def _postgres_binary(name: str) -> str | None:
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or (str(newest[0]) if newest else None)


def _other_user() -> str | None:
    """PostgreSQL refuses to run as root: the user to start it as, None when we are not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@contextmanager
def _private_postgres() -> Iterator[str]:
    initdb, server = _postgres_binary("initdb"), _postgres_binary("postgres")
    if initdb is None or server is None:
        _missing("no CLADIST_TEST_DATABASE_URL and no PostgreSQL installed")
    user = _other_user()
    folder = tempfile.mkdtemp(prefix="cladist-pg-")
    if user is not None:
        shutil.chown(folder, user)
    try:
        subprocess.run(
            [initdb, "-D", folder, "-U", "cladist", "-A", "trust", "-N"], user=user, check=True, capture_output=True
        )
        port = free_port()
        options = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-k", folder]
        with _process([server, "-D", folder, "-p", str(port), *options], port, user):
            url = f"postgresql://cladist@127.0.0.1:{port}/postgres"
            _wait_for_answer(url)
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server; tests make databases of their own in it."""
    given = os.environ.get("CLADIST_TEST_DATABASE_URL")
    if given:
        yield given
    else:
        with _private_postgres() as url:
            yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty PostgreSQL database."""
    name = f"cladist_test_{uuid.uuid4().hex}"
    server = make_url(postgres_server).set(drivername="postgresql+psycopg")
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a Redis server; tests use queues of their own in it."""
    given = os.environ.get("CLADIST_TEST_BROKER_URL")
    if given:
        yield given
        return
    with private_redis() as url:
        yield url


@contextmanager
def private_redis() -> Iterator[str]:
    server = shutil.which("redis-server")
    if server is None:
        _missing("no CLADIST_TEST_BROKER_URL and no Redis installed")
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        _process([server, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""], port),
    ):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture
def forgetful_redis() -> Iterator[str]:
    """A Redis of this test alone, which it may flush or stop."""
    with private_redis() as url:
        yield url


@pytest.fixture(scope="session")
def photographs() -> Path:
    """The folder of real photographs with its labels.csv."""
    given = os.environ.get("CLADIST_TEST_PHOTOGRAPHS")
    if not given or not (Path(given) / "labels.csv").is_file():
        _missing("CLADIST_TEST_PHOTOGRAPHS names no folder with a labels.csv")
    return Path(given)


@pytest.fixture(scope="session")
def taxonomies() -> Path:
    """The folder of real taxonomy files."""
    given = os.environ.get("CLADIST_TEST_TAXONOMIES")
    if not given or not (Path(given) / "google_product.txt").is_file():
        _missing("CLADIST_TEST_TAXONOMIES names no folder with google_product.txt")
    return Path(given)
