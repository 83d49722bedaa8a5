"""`cladist batches`."""

import click

from worker.cli.options import id_type, json_option
from worker.cli.output import print_batch, print_json, print_table, print_text
from worker.db.engine import Database, open_database
from worker.jobs.batches import cancel_batch, list_batches, show_batch
from worker.settings import read_settings

_COLUMNS = ("batch", "created_at", "jobs", "open")


@click.group()
def batches() -> None:
    """List, show and cancel batches: the jobs of one submission."""


@batches.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--before", type=id_type, help="Go on below this batch id.")
@json_option
def list_(*, limit: int, before: int | None, as_json: bool) -> None:
    """List batches, the newest first."""
    with _database().read() as session:
        found = list_batches(session, limit=limit, before=before)
    if as_json:
        for batch in found:
            print_json(batch)
    else:
        print_table("batches", _COLUMNS, [[batch[column] for column in _COLUMNS] for batch in found])


@batches.command()
@click.argument("batch", type=id_type)
@json_option
def show(*, batch: int, as_json: bool) -> None:
    """Show how many jobs of a BATCH are in each state, how many end in a second, and the time that is left."""
    with _database().read() as session:
        found = show_batch(session, batch)
    print_batch(found, as_json=as_json)


@batches.command()
@click.argument("batch", type=id_type)
@json_option
def cancel(*, batch: int, as_json: bool) -> None:
    """Cancel all jobs of a BATCH that have not ended."""
    count = sum(cancel_batch(_database(), batch))
    if as_json:
        print_json({"cancelled": count})
    else:
        print_text(f"{count} cancelled")


def _database() -> Database:
    return open_database(read_settings().database_url)
