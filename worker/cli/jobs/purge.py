"""`cladist jobs purge`."""

from datetime import timedelta

import click

from worker.cli.options import json_option
from worker.cli.output import print_json, print_text
from worker.cli.times import Duration
from worker.db.engine import open_database
from worker.jobs.retention import purge_jobs
from worker.settings import read_settings
from worker.states import FINISHED, Status


@click.command()
@click.option("--older-than", type=Duration(), required=True, help="Since they ended, as 12h or 30d.")
@click.option(
    "--status",
    "statuses",
    type=click.Choice(sorted(FINISHED)),
    multiple=True,
    help="Only those; by default all that have ended.",
)
@click.option("--dry-run", is_flag=True, help="Count, and delete nothing.")
@json_option
def purge(*, older_than: timedelta, statuses: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Forget jobs that ended long ago, with their decisions; assets and labels stay."""
    chosen = frozenset(map(Status, statuses)) or FINISHED
    database = open_database(read_settings().database_url)
    count = sum(purge_jobs(database, older_than, statuses=chosen, dry_run=dry_run))
    if as_json:
        print_json({"jobs": count, "dry_run": dry_run})
    else:
        print_text(f"{count} {'would be ' if dry_run else ''}purged")
