"""Secrets planted in every place that takes one: no command, log, metric or stored message ever says one.

What a host stores as the address of an asset is a secret of the host's own: JSON for programs gives it back as it was
submitted, in the fields `asset` and `name`, and nothing else shows it.
"""

import io
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import pytest
import redis
from command_line import CLADIST, Cladist, own_environment
from entry_points import install
from fixture_types import MakeBundle, MakeImages
from free_port import free_port
from hostile_site import serving
from in_process import Done, run_here
from monitor_port import ask
from PIL import Image
from planted import Secrets
from planted_assets import HARMFUL, LEAKY, addresses, pages
from sqlalchemy import make_url, select
from waiting import wait_until

from worker.db.engine import Database
from worker.db.tables import Base
from worker.jobs.submission import Request, submit
from worker.models.registration import add_bundle

_ADDRESSES = {("assets", "uri"), ("assets", "name")}  # the columns of a host's own addresses


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


def url_of_database(secrets: Secrets, url: str) -> str:
    """The same database by a user who has a password, which a server that trusts does not ask for."""
    parsed = make_url(url)
    secret = secrets.encoded("CLADIST_DATABASE_URL")
    password = secrets.plant("CLADIST_DATABASE_URL ?password")
    return f"postgresql://{parsed.username}:{secret}@{parsed.host}:{parsed.port}/{parsed.database}?password={password}"


@pytest.mark.parametrize("form", HARMFUL)
def test_a_refused_address_is_not_quoted(secrets: Secrets, tmp_path: Path, form: str) -> None:
    """Neither from the command line, nor from a manifest, nor where a node is expected."""
    url = f"sqlite:///{tmp_path}/c.db"
    Database(url).upgrade()
    address = form.format(odd=secrets.odd("URI"), plain=secrets.plant("URI"))
    manifest = tmp_path / "m.csv"
    manifest.write_text(f'uri\n"{address}"\n', encoding="utf-8")
    said = [
        run_here(*words, CLADIST_DATABASE_URL=url)
        for words in (("submit", address), ("submit", "--manifest", str(manifest)), ("submit", "x", "--name", address))
    ]
    assert [done.code for done in said] == [2, 2, 2]
    assert not secrets.found("".join(done.out + done.err for done in said))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("DATABASE_URL", form.format(scheme=scheme, odd="{odd}", plain="{plain}", encoded="{encoded}"))
        for scheme in ("postgresql", "mysql", "nonsense")
        for form in (
            "{scheme}://user:{odd}@127.0.0.1:1/db",
            "{scheme}://user:{plain}@{plain}@127.0.0.1:1/db",
            "{scheme}://user/{plain}:{plain}@127.0.0.1:1/db",
            "{scheme}://user:{plain}@127.0.0.1:{plain}/db",
            "{scheme}://user:{encoded}@127.0.0.1:1/db?password={plain}",
            "{scheme}://user@127.0.0.1:1/db?passwort={plain}",
            "{scheme}:///db?host=127.0.0.1&port=1&user=u&password={plain}",
            "{scheme}:user:{plain}@h",
        )
    ]
    + [
        ("DATABASE_URL", form)
        for form in (
            "sqlite:///{folder}/c.db?password={plain}",
            "sqlite:////nowhere/at/all.db?password={plain}",
            "sqlite://user:{plain}@h/c.db",
            "password={plain}",
        )
    ]
    + [
        (name, form)
        for name in ("BROKER_URL", "FETCH_PROXY")
        for form in (
            "http://user:{odd}@h:1",
            "http://user:{plain}/{plain}@h:1/0",
            "http://user:{plain}#{plain}@h:1",
            "http://{plain}?{plain}@h:1",
            "http://user:{plain}@h:{plain}",
            "http://user:{plain}@[h",
            "user:{plain}@h",
            "{odd}",
        )
    ]
    + [("ASSET_NETWORKS", "http://user:{plain}@h"), ("PRECISION", "token={plain}"), ("QUEUE", "redis://u:{plain}@h")],
)
def test_a_refused_setting_is_not_quoted(secrets: Secrets, tmp_path: Path, name: str, form: str) -> None:
    """One line that names the variable, or what cannot be reached."""
    value = form.format(
        odd=secrets.odd(name), plain=secrets.plant(name), encoded=secrets.encoded(name), folder=tmp_path
    )
    for words in (("db", "upgrade"), ("jobs", "list"), ("top", "--once", "--json"), ("submit", "a.png")):
        done = run_here(*words, **{f"CLADIST_{name}": value})
        assert done.code == 2, (words, done)
        assert len(done.err.splitlines()) == 1
        assert not secrets.found(done.out + done.err)


@pytest.fixture
def locked_redis(forgetful_redis: str, secrets: Secrets) -> str:
    """A Redis with a password that holds whatever URLs are taken apart at."""
    password = secrets.odd("CLADIST_BROKER_URL")
    redis.Redis.from_url(forgetful_redis).config_set("requirepass", password)
    return forgetful_redis.replace("://", f"://:{quote(password, safe='')}@")


@pytest.fixture
def world(
    secrets: Secrets, postgres_url: str, locked_redis: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The environment of an installation with a secret in every setting and variable that takes one."""
    (tmp_path / "leaky.py").write_text(LEAKY)
    install(tmp_path, monkeypatch, "cladist.asset_sources", "leaky = leaky:Leaky")
    return {
        "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[3]}",
        "CLADIST_DATABASE_URL": url_of_database(secrets, postgres_url),
        "CLADIST_BROKER_URL": locked_redis,
        "CLADIST_ASSET_SCHEMES": "file,http,https,s3,ftp,leaky",
        "CLADIST_ASSET_NETWORKS": "127.0.0.1/32",
        "CLADIST_FETCH_USER_AGENT": f"agent {secrets.plant('CLADIST_FETCH_USER_AGENT')}",
        "CLADIST_FETCH_CONNECT_S": "1",
        "CLADIST_RETRY_BASE_S": "0",
        "CLADIST_MAX_ATTEMPTS": "2",
        "CLADIST_POLL_S": "0.02",
        "CLADIST_TRACES": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://user:{secrets.plant('OTEL endpoint')}@127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{secrets.plant('OTEL header')}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "HTTPS_PROXY": f"http://user:{secrets.plant('HTTPS_PROXY')}@127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": secrets.plant("AWS_ACCESS_KEY_ID"),
        "AWS_SECRET_ACCESS_KEY": secrets.plant("AWS_SECRET_ACCESS_KEY"),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_DEFAULT_REGION": "here",
        "AWS_MAX_ATTEMPTS": "1",
    }


def stored(database: Database) -> str:
    """All rows, but for the addresses that are the host's own."""
    with database.read() as tx:
        return str(
            [
                [
                    without_addresses(value)
                    for name, value in row._mapping.items()
                    if (table.name, name) not in _ADDRESSES
                ]
                for table in Base.metadata.sorted_tables
                for row in tx.connection().execute(select(table))
            ]
        )


def without_addresses(value: Any) -> Any:
    """What JSON says but for the two fields that give programs the address that they submitted."""
    if isinstance(value, dict):
        return {key: without_addresses(each) for key, each in value.items() if key not in ("asset", "name")}
    return str(value)


def seen(line: str) -> str:
    """A line of output, without the host's own addresses where it is JSON."""
    try:
        return str(without_addresses(json.loads(line)))
    except ValueError:
        return line


@pytest.mark.service
@pytest.mark.parametrize(("log_format", "proxied"), [("json", False), ("text", True)])
def test_nothing_that_a_worker_says_or_stores_holds_a_secret(
    secrets: Secrets,
    world: dict[str, str],
    cladist: Cladist,
    make_bundle: MakeBundle,
    make_images: MakeImages,
    log_format: str,
    proxied: bool,
) -> None:
    """Jobs that end in all ways, under DEBUG: the log, the monitor's port, the database, and every command after."""
    if proxied:
        world["CLADIST_FETCH_PROXY"] = f"http://user:{secrets.encoded('CLADIST_FETCH_PROXY')}@127.0.0.1:1"
    picture = io.BytesIO()
    Image.new("RGB", (40, 40)).save(picture, "PNG")
    database = Database(world["CLADIST_DATABASE_URL"])
    database.upgrade()
    add_bundle(database, make_bundle(cladist.folder / "bundle").folder)
    with serving(pages(secrets, picture.getvalue())) as site:
        uris = list(addresses(secrets, site, make_images(1)[0]))
        jobs = [job for ids in submit(database, [Request(uri) for uri in uris]) for job in ids]
        said = [work(cladist, world | {"CLADIST_LOG_FORMAT": log_format, "CLADIST_LOG_LEVEL": "DEBUG"})]
    for told in (
        "the source of leaky: raised",
        "the thread leaky was ended by an error",
        "deprecated: leaky",
        "Traceback",
    ):
        assert told in said[0]
    ended = {json.loads(line)["code"] for line in cladist("jobs", "list", "--json", **world).stdout.splitlines()}
    assert len(ended) > 3, said[0][-5000:]
    assert "succeeded" in cladist("jobs", "list", **world).stdout
    said += [stored(database), *listings(jobs, lambda *words: run_here(*words, **world))]
    database.close()
    leaks = secrets.found("\n".join(said))
    assert not leaks, "\n".join(leaks)


def work(cladist: Cladist, world: dict[str, str]) -> str:
    """The log of a worker that ran until no job was open, and what its port said meanwhile."""
    port = free_port()
    environment = {**world, "CLADIST_MONITOR_PORT": str(port)}
    said: list[str] = []

    def look() -> bool:
        said.extend(str(ask(port, path)) for path in ("/metrics", "/live", "/ready", "/other?token=x"))
        return process.poll() is not None

    log = cladist.folder / "log"
    with log.open("w") as stream, worker_of(cladist, environment, stream, "--drain") as process:
        try:
            wait_until(look, "the worker to end", 120)
        finally:
            process.kill()
    return "\n".join([log.read_text(), *said])


def listings(jobs: list[int], run: Callable[..., Done]) -> Iterator[str]:
    """What every command says that shows something of jobs."""
    commands = [
        ("db", "upgrade"), ("jobs", "list"), ("jobs", "dead", "list"), ("labels", "--under", "shape"),
        ("assets", "list"), ("batches", "list"), ("batches", "show", "1"), ("queues", "list"),
        ("jobs", "wait", "--batch", "1"), ("reclassify", "--failed", "--dry-run"), ("taxonomy", "list"),
        *(("jobs", "show", str(job)) for job in jobs),
    ]  # fmt: skip
    for words in commands:
        for more in ((), ("--json",)):
            done = run(*words, *more)
            assert done.code in (0, 1, 2)
            assert "Traceback" not in done.err
            yield from map(seen, (done.out + done.err).splitlines())
    for words in (("top", "--once"), ("top", "--once", "--json"), ("jobs", "retry", "--code", "out_of_attempts")):
        done = run(*words)
        yield done.out + done.err


@pytest.mark.service
@pytest.mark.parametrize("scheme", ["redis", "amqp", "sentinel"])
def test_a_broker_that_lets_nobody_in_is_told_without_its_password(
    secrets: Secrets, world: dict[str, str], cladist: Cladist, locked_redis: str, scheme: str
) -> None:
    """A wrong password, or nobody there, again and again, under DEBUG."""
    address = locked_redis.rpartition("@")[2] if scheme == "redis" else f"127.0.0.1:{free_port()}/0"
    database = Database(world["CLADIST_DATABASE_URL"])
    database.upgrade()
    database.close()
    world["CLADIST_BROKER_URL"] = f"{scheme}://user:{secrets.encoded('CLADIST_BROKER_URL')}@{address}"
    log = cladist.folder / "log"
    with (
        log.open("w") as stream,
        worker_of(cladist, world | {"CLADIST_LOG_LEVEL": "DEBUG"}, stream) as process,
    ):
        try:
            wait_until(lambda: process.poll() is not None or log.read_text().count("rying") > 1, "two tries", 60)
        finally:
            process.kill()
    assert not secrets.found(log.read_text())


def worker_of(cladist: Cladist, world: dict[str, str], stream: IO[str], *words: str) -> subprocess.Popen[bytes]:
    """A worker that writes all that it says to a stream."""
    command, variables = [*CLADIST, "worker", *words], {**own_environment(), **world}
    return subprocess.Popen(command, cwd=cladist.folder, env=variables, stdout=stream, stderr=stream)
