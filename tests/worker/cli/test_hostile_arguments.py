"""Every argument and option of every command, given what no person would type: refused or done, in words, at once."""

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import click
import pytest
from fixture_types import MakeBundle
from in_process import Done, run_here

from taxonomy import canonical_json
from worker.cli.main import cli
from worker.db.engine import Database
from worker.jobs.requests import cancel_job
from worker.jobs.submission import Request, submit
from worker.models.registration import add_bundle
from worker.settings import Settings
from worker.telemetry.redaction import visible

NUMBERS = (
    str(2**63),
    str(2**63 - 1),
    str(2**64),
    "-1",
    "0",
    "9" * 5000,
    "1e999",
    "nan",
    "-inf",
    "0x10",
    "1_0",
    "\u0663",
)
TEXTS = (
    "",
    " ",
    os.fsdecode(b"\xff"),
    os.fsdecode(b"caf\xe9.png"),
    "a\0b",
    "x" * 5000,
    "a/" * 2500,
    "\ud800",
    "a\ud800\udfffb",
    "\x1b]0;owned\x07\x1b[2J",
    "\x9b31m",
    "\u202egpj.exe",
    "zero\u200bwidth\ufeff",
    "\U000e0041",
    "two\nlines\r\nand\ttabs",
    "=HYPERLINK(1)",
    "../" * 40 + "nowhere/at/all",
    "/dev/null",
    "/proc/self/mem",
    ".",
    "-",
    "@",
    "@\x1b",
    "=",
    "a=b",
    "%s %n {0}",
    "[/red]",
    "' OR 1=1 --",
    "http://[",
    "\U0001f9c0" * 600,
)
HOSTILE = (*NUMBERS, *TEXTS)
HOSTILE_SETTINGS = tuple(value for value in HOSTILE if "\0" not in value and "\ud800" not in value)  # as a shell can

# What a command needs besides the value in question, so that it looks at it and then ends at once.
NEEDS: dict[str, tuple[list[str], list[str]]] = {  # path -> options, arguments
    "demo": (["--labels", "none.csv", "--images", "."], []),
    "train": (["--labels", "none.csv", "--out", "out"], []),
    "evaluate": (["--labels", "none.csv", "--split", "test"], ["bundle"]),
    "calibrate": (["--labels", "none.csv", "--split", "val", "--target-accuracy", "0.9"], ["bundle"]),
    "predict": ([], ["bundle", "none.png"]),
    "data check": ([], ["none.csv"]),
    "taxonomy check": ([], ["t.json"]),
    "taxonomy show": ([], ["t.json"]),
    "taxonomy convert": ([], ["t.json"]),
    "taxonomy diff": ([], ["t.json", "t.json"]),
    "taxonomy import": ([], ["t.json"]),
    "taxonomy activate": ([], ["none"]),
    "taxonomy find": ([], ["none", "shape"]),
    "taxonomy plan": ([], ["none", "none"]),
    "taxonomy apply": ([], ["none", "none"]),
    "taxonomy rollback": ([], ["none", "none"]),
    "taxonomy reviews": ([], ["none", "none"]),
    "bundle add": ([], ["none"]),
    "bundle shadow": ([], ["none"]),
    "policy check": ([], ["none.yaml"]),
    "policy add": ([], ["none.yaml"]),
    "policy show": ([], ["none"]),
    "policy diff": ([], ["none", "none"]),
    "policy activate": ([], ["none"]),
    "policy rollback": ([], ["none"]),
    "policy explain": ([], ["1"]),
    "policy replay": ([], ["none", "none"]),
    "policy shadow": ([], ["none"]),
    "policy thresholds": ([], ["bundle"]),
    "routings show": ([], ["1"]),
    "shadow compare": ([], ["none"]),
    "hash-lists import": ([], ["here", "none.csv"]),
    "hash-lists delete": ([], ["none"]),
    "hash-lists match": ([], ["a.png"]),
    "audit export": (["--format", "jsonl"], []),
    "sinks forget": ([], ["none"]),
    "webhooks add": (["--tenant", "default"], ["https://[::1]:9/none"]),
    "webhooks show": ([], ["7"]),
    "webhooks rotate": ([], ["7"]),
    "webhooks remove": ([], ["7"]),
    "webhooks test": ([], ["7"]),
    "webhooks deliveries": ([], ["7"]),
    "webhooks redeliver": ([], ["7"]),
    "submit": ([], ["a.png"]),
    "jobs show": ([], ["1"]),
    "jobs wait": (["--timeout", "0"], ["1"]),
    "jobs cancel": ([], ["1"]),
    "jobs retry": ([], ["7"]),
    "jobs dead retry": ([], ["1"]),
    "jobs purge": (["--older-than", "1d", "--dry-run"], []),
    "batches show": ([], ["1"]),
    "batches cancel": ([], ["7"]),
    "assets show": ([], ["none"]),
    "assets delete": ([], ["none"]),
    "queues set": ([], ["here"]),
    "queues pause": ([], ["none"]),
    "queues resume": ([], ["none"]),
    "reclassify": (["--failed", "--dry-run"], []),
    "labels": (["--under", "shape"], []),
    "keys create": (["--scope", "read"], []),
    "keys rotate": ([], ["7"]),
    "keys revoke": ([], ["7"]),
    "serve": (["--check"], []),
    "top": (["--once"], []),
}
MAY_FAIL = ("predict", "jobs wait")  # with 1, as work that failed


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(leaves(cli))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, make_bundle: MakeBundle) -> Path:
    """A folder with a bundle, a taxonomy, and a database that has one job, which is cancelled."""
    folder = tmp_path_factory.mktemp("here")
    bundle = make_bundle(folder / "bundle")
    (folder / "t.json").write_text(canonical_json(bundle.taxonomy))
    database = Database(f"sqlite:///{folder}/cladist.db")
    database.upgrade()
    add_bundle(database, bundle.folder)
    ((job,),) = submit(database, [Request("file:///none.png")])
    cancel_job(database, job)
    database.close()
    return folder


@pytest.fixture(autouse=True)
def _inside(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)


def lines_for(path: str, command: click.Command) -> Iterator[list[str]]:
    """Command lines with one hostile value each, in the place of every option and argument in turn."""
    words = path.split()
    options, arguments = NEEDS.get(path, ([], []))
    modes: list[tuple[list[str], tuple[str, ...]]] = [([], HOSTILE)]
    if any("--json" in each.opts for each in command.params):
        modes.append((["--json"], TEXTS[::2]))
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.is_flag:
            name, others = parameter.opts[-1], ["1"] * (parameter.nargs - 1)
            for value in values_for(parameter):
                yield [*words, *without(options, name), name, value, *others, "--", *arguments]
    for mode, values in modes:
        for value, place in product(values, range(len(arguments) + 1)):
            yield [*words, *options, *mode, "--", *arguments[:place], value, *arguments[place + 1 :]]
    for value in filter(None, TEXTS):
        yield [*words, *options, f"--{value}", *arguments]


def values_for(option: click.Option) -> tuple[str, ...]:
    """Texts for a text; all numbers and a few of the texts for what must be a number or one of some words."""
    if isinstance(option.type, (click.types.StringParamType, click.Path)):
        return TEXTS[::2] if option.multiple else TEXTS
    return (*NUMBERS, *TEXTS[:6])


def without(options: list[str], name: str) -> list[str]:
    """The options but for one and its value."""
    if name not in options:
        return options
    place = options.index(name)
    return options[:place] + options[place + 2 :]


def fault(done: Done, may_fail: bool) -> str | None:
    """What is wrong with how a command ended, if anything."""
    said = done.out + done.err
    if "Traceback" in said:
        return "a traceback"
    if done.code not in ((0, 1, 2) if may_fail else (0, 2)):
        return f"exit code {done.code}"
    if visible(said) != said:
        return "a sign that acts or cannot be seen"
    if done.code == 2 and not (done.err.startswith("cladist: ") and done.err.count("\n") == 1):
        return "not one line on standard error"
    return None


@pytest.mark.parametrize("path", list(COMMANDS))
def test_every_argument_is_refused_or_taken(path: str) -> None:
    """No traceback, the exit code of the contract, one line on standard error, nothing that acts on a terminal."""
    faults = []
    for words in lines_for(path, COMMANDS[path]):
        done = run_here(*words)
        wrong = fault(done, path in MAY_FAIL)
        if wrong:
            faults.append(f"{wrong}: {[ascii(word)[:80] for word in words]}: {done.code} {done.err[-600:]!a}")
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults[:10])


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_refuses_or_takes_what_is_hostile(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Likewise, with a database that is not there yet."""
    monkeypatch.chdir(tmp_path)
    faults = []
    for value in HOSTILE_SETTINGS:
        wrong = fault(done := run_here("queues", "list", **{f"CLADIST_{name.upper()}": value}), may_fail=False)
        if wrong:
            faults.append(f"{wrong}: {ascii(value)[:80]}: {done.code} {done.err[-600:]!a}")
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults[:10])


def test_no_command_is_left_out() -> None:
    """Those that take an argument, or would go on for ever without an option, have what they need."""
    needy = {
        path
        for path, command in COMMANDS.items()
        if any(parameter.required or isinstance(parameter, click.Argument) for parameter in command.params)
    }
    assert needy <= NEEDS.keys() <= COMMANDS.keys()


@pytest.mark.parametrize("words", [("taxonomy", "check"), ("submit", "--manifest"), ("data", "check")])
def test_a_file_without_an_end_is_refused(words: tuple[str, ...]) -> None:
    done = run_here(*words, "/dev/zero")
    assert fault(done, may_fail=False) is None
    assert "longer than" in done.err or "larger than" in done.err
