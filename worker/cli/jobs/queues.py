"""`cladist queues`."""

import re
from typing import Any

import click

from worker.cli.options import FiniteRange, json_option
from worker.cli.output import print_json, print_table
from worker.db.engine import Database, open_database
from worker.db.statements.counts import COUNTED
from worker.dispatch.queues import Terms, list_queues, pause_queue, set_queue
from worker.settings import read_settings

_COLUMNS = ("queue", "priority", "weight", "rate_per_s", "paused", "waiting")
_NAME = r"[A-Za-z0-9_.-]{1,64}"


class _QueueName(click.ParamType[str]):
    """A name that can be typed without quotes."""

    name = "queue"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself; fails on any other sign."""
        if not re.fullmatch(_NAME, value):
            self.fail(f"{value[:80]!r} is no name of a queue: 1 to 64 letters, digits, '_', '.' and '-'", param, ctx)
        return str(value)


@click.group()
def queues() -> None:
    """List, pause, resume and change the queues of jobs."""


@queues.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the queues, those that are published first before the others."""
    with _database().read() as session:
        _print(list_queues(session), as_json=as_json)


@queues.command("set")
@click.argument("queue", type=_QueueName())
@click.option("--priority", type=click.IntRange(-1000, 1000), help="The highest is published first. [default: 0]")
@click.option("--weight", type=FiniteRange(0.001, 1000), help="Share among equal priorities. [default: 1]")
@click.option("--rate", "rate_per_s", type=FiniteRange(0, 1e6), help="Jobs in a second at most; 0: no limit.")
@json_option
def set_(*, queue: str, priority: int | None, weight: float | None, rate_per_s: float | None, as_json: bool) -> None:
    """Make a QUEUE, or change one; what is not named stays as it is."""
    _print([set_queue(_database(), queue, Terms(priority, weight, rate_per_s))], as_json=as_json)


@queues.command()
@click.argument("queue")
@json_option
def pause(*, queue: str, as_json: bool) -> None:
    """Publish nothing of a QUEUE any more; jobs that run go on to their end."""
    _print([pause_queue(_database(), queue, paused=True)], as_json=as_json)


@queues.command()
@click.argument("queue")
@json_option
def resume(*, queue: str, as_json: bool) -> None:
    """Publish a paused QUEUE again."""
    _print([pause_queue(_database(), queue, paused=False)], as_json=as_json)


def _database() -> Database:
    return open_database(read_settings().database_url)


def _print(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for queue in found:
            print_json(queue)
        return
    rows = [[_text(queue, column) for column in _COLUMNS] for queue in found]
    print_table("queues", _COLUMNS, rows)


def _text(queue: dict[str, Any], column: str) -> object:
    if column == "waiting" and queue[column] >= COUNTED:
        return f"{COUNTED} or more"
    return {True: "yes", False: "no"}[queue[column]] if column == "paused" else queue[column]
