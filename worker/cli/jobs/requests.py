"""`cladist jobs cancel` and `jobs retry`."""

import click

from worker.cli.options import id_type
from worker.cli.output import print_text
from worker.db.engine import open_database
from worker.jobs.requests import cancel_job, retry_failed, retry_job
from worker.settings import read_settings
from worker.states import Code


@click.command()
@click.argument("ids", type=id_type, nargs=-1, required=True)
def cancel(*, ids: tuple[int, ...]) -> None:
    """Cancel jobs that have not ended; what a worker still finds for one is thrown away."""
    database = open_database(read_settings().database_url)
    for job_id in ids:
        cancel_job(database, job_id)
        print_text(f"{job_id} cancelled")


@click.command()
@click.argument("ids", type=id_type, nargs=-1)
@click.option("--code", type=click.Choice([code.value for code in Code]), help="All that failed, or died, with it.")
@click.option("--batch", type=id_type, help="With --code: only those of one submission.")
def retry(*, ids: tuple[int, ...], code: str | None, batch: int | None) -> None:
    """Queue failed, dead or cancelled jobs again, by their IDS or by --code."""
    if bool(ids) == (code is not None) or (batch is not None and code is None):
        raise click.UsageError("give the IDS of jobs, or --code CODE (and perhaps --batch ID)")
    database = open_database(read_settings().database_url)
    for job_id in ids:
        retry_job(database, job_id)
        print_text(f"{job_id} queued")
    if code is not None:
        for page in retry_failed(database, Code(code), batch):
            for job_id in page:
                print_text(f"{job_id} queued")
