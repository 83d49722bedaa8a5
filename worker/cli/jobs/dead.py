"""`cladist jobs dead`."""

import click

from worker.cli.options import id_type, json_option
from worker.cli.output import print_jobs, print_json, print_text
from worker.db.engine import open_database
from worker.jobs.queries import list_jobs
from worker.jobs.requests import retry_dead, retry_job
from worker.settings import read_settings
from worker.states import Status


@click.group()
def dead() -> None:
    """List jobs that ran out of attempts, and retry them."""


@dead.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--before", type=id_type, help="Go on below this job id.")
@json_option
def list_(*, limit: int, before: int | None, as_json: bool) -> None:
    """List dead jobs, the newest first, with what they died of."""
    with open_database(read_settings().database_url).read() as session:
        found = list_jobs(session, status=Status.DEAD, limit=limit, before=before)
    print_jobs(found, as_json=as_json)


@dead.command()
@click.argument("ids", type=id_type, nargs=-1)
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
        print_text(f"{count} queued")
