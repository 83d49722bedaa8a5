"""Servers for tests: given by the environment, or started privately, or else the test is skipped with the reason."""

import os
import resource
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
from fixture_types import FullDisk
from free_port import free_port, is_open
from postgres_programs import found_program, postgres_user
from sqlalchemy import create_engine, make_url, text
from waiting import wait_until

_START_S = 30.0


def _missing(reason: str) -> NoReturn:
    """Skip, unless this run must not skip (CLADIST_TEST_REQUIRE_SERVICES)."""
    if os.environ.get("CLADIST_TEST_REQUIRE_SERVICES"):
        pytest.fail(f"{reason}, and CLADIST_TEST_REQUIRE_SERVICES is set")
    pytest.skip(reason)


@contextmanager
def _process(
    command: list[str], port: int, user: str | None = None, env: dict[str, str] | None = None
) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, user=user, env=env, stdout=quiet, stderr=quiet) as process:
        try:
            wait_until(lambda: is_open(port) or process.poll() is not None, f"port {port}", _START_S)
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended before it opened port {port}")
            yield
        finally:
            process.terminate()


def _takes_connections(url: str) -> bool:
    """PostgreSQL's port is open for a while before it takes anyone in."""
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def _private_postgres() -> Iterator[str]:
    initdb, server = found_program("initdb"), found_program("postgres")
    if initdb is None or server is None:
        _missing("no CLADIST_TEST_DATABASE_URL and no PostgreSQL installed")
    user = postgres_user()
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
            wait_until(lambda: _takes_connections(url), "PostgreSQL to take connections", _START_S)
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


@contextmanager
def _private_rabbitmq() -> Iterator[str]:
    server = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the wrapper on PATH insists on the user rabbitmq
    if not server.exists():
        _missing("no CLADIST_TEST_RABBITMQ_URL and no RabbitMQ installed")
    port, between_nodes = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "rabbitmq.conf"
        config.write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
        names = {"MNESIA_BASE": "data", "LOG_BASE": "log", "ENABLED_PLUGINS_FILE": "plugins", "CONF_ENV_FILE": "env"}
        given = {f"RABBITMQ_{name}": f"{folder}/{value}" for name, value in names.items()}
        given["RABBITMQ_CONFIG_FILE"] = str(config)
        given["RABBITMQ_NODENAME"] = f"cladist-{port}@localhost"
        given["RABBITMQ_DIST_PORT"] = str(between_nodes)
        given["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = "-kernel inet_dist_use_interface {127,0,0,1}"
        with _process([str(server)], port, env={**os.environ, **given, "HOME": folder}):
            yield f"amqp://guest:guest@127.0.0.1:{port}//"


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """The URL of a RabbitMQ server; tests use queues of their own in it."""
    given = os.environ.get("CLADIST_TEST_RABBITMQ_URL")
    if given:
        yield given
    else:
        with _private_rabbitmq() as url:
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


@contextmanager
def _files_of_at_most(size_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def full_disk() -> FullDisk:
    """full_disk(bytes): within it no file can grow beyond so many bytes, and writing fails as on a full disk."""
    return _files_of_at_most
