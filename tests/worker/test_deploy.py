"""What docs/deploy promises: files that parse, commands and settings that exist, partitions that work."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from fixture_types import MakeImages, Submitted
from sqlalchemy import func, select, text

from worker.catalog.serving import active_bundle
from worker.cli.main import cli
from worker.db.tables import DecisionRow, LabelRow
from worker.labels.storage import labels_under
from worker.process.bootstrap import Services
from worker.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
PAGES = sorted(DEPLOY.glob("*.md"))
INSTALLED = "/opt/cladist/.venv/bin/cladist"


class UnitParser(configparser.ConfigParser):
    """systemd's own dialect: keys have upper and lower case, and only `#` begins a comment."""

    def __init__(self) -> None:
        super().__init__(interpolation=None, comment_prefixes="#", delimiters="=")

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit(path: Path) -> UnitParser:
    parser = UnitParser()
    parser.read(path)
    return parser


def compose() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert set(found) == {"x-cladist", "services", "volumes"}
    return found


def cladist_commands() -> Iterator[list[str]]:
    """The words after `cladist` of every command in the units, the compose file and the pages."""
    for path in UNITS:
        for value in (value for section in unit(path).values() for key, value in section.items() if key == "ExecStart"):
            if value.startswith(INSTALLED):
                yield shlex.split(value)[1:]
    for service in compose()["services"].values():
        if "build" in service:
            yield service["command"]
    for line in re.findall(r"run --rm worker (.*)", (DEPLOY / "compose.yaml").read_text()):
        yield shlex.split(line)
    for path in PAGES:
        for words in re.findall(r"`cladist\s([^`]*)`", path.read_text()):
            yield shlex.split(words)


def check(words: list[str]) -> None:
    """Raises where a command or one of its options does not exist."""
    command: click.Command = cli
    words = list(words)
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None, words
        command = found
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options, (command.name, words)


def test_every_command_exists() -> None:
    """In every file, with its options."""
    commands = list(cladist_commands())
    assert ["worker"] in commands
    assert ["db", "upgrade"] in commands
    assert len(commands) > 8
    for words in commands:
        check(words)


def test_every_setting_exists() -> None:
    """Each CLADIST_ variable is a setting, or one of the compose file's own."""
    own = {"ASSETS", "BUNDLES"}
    known = {name.upper() for name in Settings.model_fields} | own
    for path in sorted(DEPLOY.iterdir()):
        assert set(re.findall(r"CLADIST_([A-Z_]+)", path.read_text())) <= known, path.name


def test_every_file_that_is_named_exists() -> None:
    """Benchmarks with their options, tests, and the files of the folder itself."""
    for path in PAGES:
        page = path.read_text()
        for script, words in re.findall(r"python (benchmarks/\w+\.py)([^`]*)`", page):
            command = [sys.executable, str(ROOT / script), "--help"]
            usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert set(re.findall(r"--[\w-]+", words)) <= set(re.findall(r"--[\w-]+", usage)), (script, words)
        for name in re.findall(r"`(tests/[\w/]+\.py)`", page):
            assert (ROOT / name).is_file()
    assert {path.name for path in UNITS} == {
        "cladist-live@.service",
        "cladist-live@.timer",
        "cladist-upgrade.service",
        "cladist-worker@.service",
    }


def started_here(command: str) -> str:
    """The command with a program that exists on this machine in place of what is installed on the target."""
    program, *words = shlex.split(command)
    return shlex.join([shutil.which("true") or sys.executable if program == INSTALLED else program, *words])


def test_units_are_whole(tmp_path: Path) -> None:
    """They have their sections, wait for what exists, and systemd, where it is installed, has nothing to say."""
    for path in UNITS:
        sections = set(unit(path).sections())
        assert {"Unit", "Timer" if path.suffix == ".timer" else "Service"} <= sections
    verify = shutil.which("systemd-analyze")
    if verify is None:
        return
    for path in UNITS:
        parsed = unit(path)
        for section in parsed.values():
            section.update({key: started_here(value) for key, value in section.items() if key.startswith("Exec")})
        with (tmp_path / path.name.replace("@.", "@1.")).open("w") as stream:
            parsed.write(stream, space_around_delimiters=False)
    names = [str(path) for path in sorted(tmp_path.iterdir())]
    done = subprocess.run([verify, "verify", *names], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_compose_file_is_whole() -> None:
    """Services wait for services that exist, and the workers' settings can be read."""
    services = compose()["services"]
    assert set(services) == {"postgres", "redis", "upgrade", "worker"}
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
    environment = services["worker"]["environment"]
    values = {name.removeprefix("CLADIST_").lower(): value for name, value in environment.items()}
    settings = Settings.model_validate(values)
    assert (settings.monitor_port, settings.log_format) == (9100, "json")
    build = services["worker"]["build"]
    assert ((DEPLOY / build["context"]).resolve(), (ROOT / build["dockerfile"]).is_file()) == (ROOT, True)


PARTITIONED = """
ALTER TABLE labels RENAME TO plain_labels;
CREATE TABLE labels (LIKE plain_labels INCLUDING DEFAULTS) PARTITION BY LIST (release_id);
ALTER TABLE labels ADD PRIMARY KEY (asset_id, release_id, bundle_id, node_id);
CREATE INDEX ON labels (release_id, node_id, confidence, asset_id);
CREATE TABLE labels_1 PARTITION OF labels FOR VALUES IN (1);
ALTER TABLE decisions RENAME TO plain_decisions;
CREATE TABLE decisions (LIKE plain_decisions INCLUDING DEFAULTS) PARTITION BY RANGE (job_id);
ALTER TABLE decisions ADD PRIMARY KEY (job_id);
CREATE TABLE decisions_1 PARTITION OF decisions FOR VALUES FROM (0) TO (1000000);
"""


@pytest.mark.service
@pytest.mark.parametrize("settings", ["servers"], indirect=True)
def test_partitioned_tables_take_the_same_statements(
    services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """Labels by release and decisions by job: written, written again, and found by node."""
    with services.database.write() as session:
        for statement in PARTITIONED.strip().split(";\n"):
            session.execute(text(statement))
    uris = make_images(5)
    for ids in (submitted(uris), submitted(uris)):
        assert services.pipeline.run(ids) == 5
    with services.database.read() as session:
        release = active_bundle(session).release_id
        assert session.scalar(select(func.count()).select_from(DecisionRow)) == 10
        assert len(set(session.scalars(select(LabelRow.asset_id)))) == 5
        found = [row for node in ("shape", "colour") for row in labels_under(session, release, node, 0.0, limit=9)]
        assert len(found) == 5
