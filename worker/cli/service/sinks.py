"""`cladist sinks`."""

import click

from worker.cli.options import json_option
from worker.cli.output import print_json, print_table, print_text
from worker.db.engine import Database, open_database
from worker.db.statements.counts import COUNTED
from worker.settings import read_settings
from worker.sinks.cursors import forget_sink, list_sinks

_COLUMNS = ("sink", "waiting", "lag_s", "failures", "retry_at", "message")


@click.group()
def sinks() -> None:
    """Show who is told of events, and forget who no longer is."""


@sinks.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the sinks: how many events wait for each, for how long, and what went wrong last."""
    with _database().read() as tx:
        found = list_sinks(tx)
    if as_json:
        for sink in found:
            print_json(sink)
        return
    for sink in found:
        sink["waiting"] = f"{COUNTED} or more" if sink["waiting"] >= COUNTED else sink["waiting"]
    print_table("sinks", _COLUMNS, [[sink[column] for column in _COLUMNS] for sink in found])


@sinks.command()
@click.argument("name")
@json_option
def forget(*, name: str, as_json: bool) -> None:
    """Forget a sink by its NAME: no event is kept for it any more.

    Take it out of CLADIST_SINKS first: a worker that starts with it makes it known anew, and tells it all that is kept.
    """
    forget_sink(_database(), name)
    if as_json:
        print_json({"forgotten": name})
    else:
        print_text(f"{name} is forgotten")


def _database() -> Database:
    return open_database(read_settings().database_url)
