"""`cladist jobs cancel` and `jobs retry`."""

import click

from worker.cli.options import id_type
from worker.db.engine import open_database
from worker.jobs.requests import cancel_job, retry_job
from worker.settings import read_settings


@click.command()
@click.argument("ids", type=id_type, nargs=-1, required=True)
def cancel(*, ids: tuple[int, ...]) -> None:
    """Cancel jobs that have not ended; what a worker still finds for one is thrown away."""
    database = open_database(read_settings().database_url)
    for job_id in ids:
        cancel_job(database, job_id)
        click.echo(f"{job_id} cancelled")


@click.command()
@click.argument("ids", type=id_type, nargs=-1, required=True)
def retry(*, ids: tuple[int, ...]) -> None:
    """Queue failed, dead or cancelled jobs again."""
    database = open_database(read_settings().database_url)
    for job_id in ids:
        retry_job(database, job_id)
        click.echo(f"{job_id} queued")
