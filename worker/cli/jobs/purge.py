"""`cladist jobs purge`."""

import re
from datetime import timedelta
from typing import Any

import click

from worker.cli.options import json_option
from worker.cli.output import print_json, print_text
from worker.db.engine import open_database
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
        print_text(f"{count} {'would be ' if dry_run else ''}purged")
