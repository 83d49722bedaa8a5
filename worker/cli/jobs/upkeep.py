"""`cladist jobs dead` and `jobs purge`."""

import re
from datetime import timedelta
from typing import Any

import click

from worker.cli.options import json_option
from worker.cli.output import print_jobs, print_json
from worker.db.engine import open_database
from worker.jobs.queries import list_jobs
from worker.jobs.requests import retry_dead, retry_job
from worker.jobs.retention import purge_jobs
from worker.settings import read_settings
from worker.states import FINISHED, Status

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=36_500)  # the calendar has an end


class _Duration(click.ParamType[timedelta]):
    """A number and its unit, as 90m, 12h or 30d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """What the number and the unit mean, at most a hundred years; fails on anything else."""
        match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([smhdw])", value)
        if match is None:
            self.fail(
                f"{value[:80]!r} is no duration: give a number and one of {', '.join(_UNITS)}, as in 30d", param, ctx
            )
        return min(_LONGEST, timedelta(**{_UNITS[match[2]]: float(match[1])}))


@click.group()
def dead() -> None:
    """List jobs that ran out of attempts, and retry them."""


@dead.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--before", type=int, help="Go on below this job id.")
@json_option
def list_(*, limit: int, before: int | None, as_json: bool) -> None:
    """List dead jobs, the newest first, with what they died of."""
    with open_database(read_settings().database_url).read() as session:
        found = list_jobs(session, status=Status.DEAD, limit=limit, before=before)
    print_jobs(found, as_json=as_json)


@dead.command()
@click.argument("ids", type=int, nargs=-1)
@click.option("--all", "all_", is_flag=True, help="Every dead job.")
@json_option
def retry(*, ids: tuple[int, ...], all_: bool, as_json: bool) -> None:
    """Queue dead jobs again, by their IDS or --all, with all their attempts."""
    if bool(ids) == all_:
        raise click.UsageError("give the IDS of dead jobs, or --all")
    database = open_database(read_settings().database_url)
    for job_id in ids:
        retry_job(database, job_id, only=Status.DEAD)
    count = len(ids) if ids else sum(len(page) for page in retry_dead(database))
    if as_json:
        print_json({"queued": count})
    else:
        click.echo(f"{count} queued")


@click.command()
@click.option("--older-than", type=_Duration(), required=True, help="Since they ended, as 12h or 30d.")
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
        click.echo(f"{count} {'would be ' if dry_run else ''}purged")
