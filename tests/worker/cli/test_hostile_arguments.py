"""Arguments and settings that nobody means: one line and exit code 2, never a traceback, never an escape sequence."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from worker.cli.main import cli, main
from worker.db.engine import Database

HOSTILE = ["9223372036854775808", "-9223372036854775809", "1" * 5000, "\udcff", "a\0b", "\x1b]0;owned\x07", "\u202egnp"]
ACTING = set("\x00\x1b\x07\x9b\u202e\udcff")
LONG_RUNNING = {"worker", "top", "demo", "train"}


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it, without those that would run for long."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, (*words, name))
        elif found is not None and name not in LONG_RUNNING:
            yield (*words, name), found


def filler(parameter: click.Parameter) -> list[str]:
    """A value that a required parameter takes."""
    if isinstance(parameter.type, click.Choice):
        return [parameter.type.choices[0]]
    return ["1"] * max(1, parameter.nargs) if parameter.nargs != 1 else ["1"]


def calls(command: click.Command, hostile: str) -> Iterator[list[str]]:
    """The command's words with the hostile text in the place of one parameter, each in turn."""
    taking = [each for each in command.params if not (isinstance(each, click.Option) and each.is_flag)]
    for target in taking:
        if target.name == "help":
            continue
        options: list[str] = []
        arguments: list[str] = []
        for each in taking:
            if each is not target and not each.required:
                continue
            values = [hostile] * max(1, each.nargs) if each is target else filler(each)
            if isinstance(each, click.Option):
                options += [each.opts[-1], *values]
            else:
                arguments += values
        yield [*options, "--", *arguments]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with an upgraded database, for commands in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLADIST_DATABASE_URL", f"sqlite:///{tmp_path}/cladist.db")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # put back, as main sets it
    database = Database(f"sqlite:///{tmp_path}/cladist.db")
    database.upgrade()
    database.close()
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["cladist", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("words", [words for words, _ in commands(cli)], ids=" ".join)
@pytest.mark.usefixtures("here")
def test_no_argument_ends_in_a_traceback(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = dict(commands(cli))[words]
    for hostile in HOSTILE:
        for call in calls(command, hostile):
            code = run(monkeypatch, *words, *call)
            said = capsys.readouterr()
            assert code in (0, 2), (call, said)
            assert not ACTING & set(said.out + said.err), (call, said)
            if code:
                assert len(said.err.splitlines()) == 1, (call, said)


@pytest.mark.parametrize("value", ["\udcff", "sqlite:///\udcff\x1b[2J/x.db", "\u202esqlite://", "postgresql://\udcff"])
@pytest.mark.usefixtures("here")
def test_no_setting_ends_in_a_traceback(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLADIST_DATABASE_URL", value)
    assert run(monkeypatch, "jobs", "list") == 2
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1
    assert not ACTING & set(said.out + said.err)
