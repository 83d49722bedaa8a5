"""What starts without the model's libraries: every `--help`, and every command that needs no model."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from worker.db.engine import Database
from worker.db.tables import BundleRow

HEAVY = ("torch", "timm", "lightning", "torchvision", "matplotlib", "rdflib")

# Walks all groups, asks each command and group for its help, and prints which of the libraries are loaded by then.
ALL_HELP = """
import sys
import click
from click.testing import CliRunner
from worker.cli.main import cli

def walk(command, words):
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), (*words, name))

for words in walk(cli, ()):
    answer = CliRunner().invoke(cli, [*words, "--help"])
    assert answer.exit_code == 0, (words, answer.output)
    assert "Usage:" in answer.output, words
    print(" ".join(words) or "cladist", *(name for name in sys.argv[1:] if name in sys.modules), sep=",")
"""

# Runs commands, one a line of standard input, and prints the exit code of each and what is loaded by then.
ALL_COMMANDS = """
import sys
from click.testing import CliRunner
from worker.cli.main import cli

for line in sys.stdin.read().splitlines():
    answer = CliRunner().invoke(cli, line.split())
    print(line, answer.exit_code, *(name for name in sys.argv[1:] if name in sys.modules), sep=",")
    if answer.exception:
        print(line, answer.output, answer.exception, file=sys.stderr)
"""

WITHOUT_A_MODEL = """
db upgrade
submit a.png file:///b.png --json
jobs list
jobs list --status queued --json
jobs show 1
jobs cancel 1
jobs retry 1
jobs dead list
jobs dead retry --all
jobs purge --older-than 1d --dry-run
labels --under Animals
reclassify --unlabelled --dry-run
queues list
queues set night --priority 2
queues pause night
queues resume night
top --once
top --once --json
taxonomy check taxonomy.csv
taxonomy show taxonomy.csv
taxonomy convert taxonomy.csv
taxonomy diff taxonomy.csv taxonomy.csv
taxonomy import taxonomy.csv
taxonomy list
taxonomy find default Animals
taxonomy plan default taxonomy.csv
audit verify
audit export --format csv
""".strip()


def python(
    code: str, modules: tuple[str, ...], *, folder: Path | None = None, commands: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter of its own, with no settings but the embedded default."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("CLADIST_")}
    command = [sys.executable, "-c", code, *modules]
    return subprocess.run(command, cwd=folder, env=given, input=commands, capture_output=True, text=True, check=False)


def run_all(folder: Path, commands: str, modules: tuple[str, ...]) -> str:
    """For each command, in one process: itself, its exit code, and which of the modules are loaded by then."""
    done = python(ALL_COMMANDS, modules, folder=folder, commands=commands)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a taxonomy and a database that knows a bundle, whose files no command here looks for."""
    made = tmp_path_factory.mktemp("startup")
    (made / "taxonomy.csv").write_text("Animals > Cats\nAnimals > Dogs\n")
    database = Database(f"sqlite:///{made / 'cladist.db'}")
    database.upgrade()
    run_all(made, "taxonomy import taxonomy.csv", ())
    with database.write() as session:
        created = datetime(2026, 1, 1, tzinfo=UTC)
        session.add(BundleRow(model="m", release_id=1, created_at=created, folder="/nowhere", active=True))
    database.close()
    return made


def test_no_help_loads_a_library_of_the_model() -> None:
    """All commands and sub-commands are asked for their help in one process."""
    done = python(ALL_HELP, HEAVY)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert {"cladist", "train", "predict", "worker", "taxonomy apply", "jobs dead retry", "queues set"} <= set(lines)
    assert [line for line in lines if "," in line] == []


def test_commands_without_a_model_load_none_of_its_libraries(folder: Path) -> None:
    """Each is run to its end on SQLite, and succeeds."""
    expected = [f"{command},0" for command in WITHOUT_A_MODEL.splitlines()]
    assert run_all(folder, WITHOUT_A_MODEL, HEAVY).splitlines() == expected


def test_jobs_are_listed_without_celery_alembic_or_scipy(folder: Path) -> None:
    """What a command does not use, it does not wait for."""
    unused = ("celery", "kombu", "alembic", "psycopg", "scipy", "networkx", "numpy", "prometheus_client", "httpx2")
    assert run_all(folder, "jobs list", unused) == "jobs list,0"


def test_files_of_taxonomies_are_checked_without_a_database(folder: Path) -> None:
    """`taxonomy check` shares a group with commands that store releases, and waits for none of what those need."""
    command = "taxonomy check taxonomy.csv"
    assert run_all(folder, command, ("sqlalchemy", "pydantic")) == f"{command},0"


@pytest.mark.parametrize("module", ["taxonomy", "classifier", "worker", "worker.settings", "worker.cli.main"])
def test_an_import_loads_no_library_of_the_model(module: str) -> None:
    """The packages name what they hold, and import it when it is asked for."""
    done = python(f"import sys, {module}; print(*(name for name in sys.argv[1:] if name in sys.modules))", HEAVY)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


@pytest.mark.parametrize("package", ["taxonomy", "classifier", "worker", "classifier.datacheck", "classifier.report"])
def test_every_public_name_can_be_had(package: str) -> None:
    """All of `__all__` is found, and what is not there is an AttributeError that names it."""
    found = import_module(package)
    assert [name for name in found.__all__ if not hasattr(found, name)] == []
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = found.no_such_name
