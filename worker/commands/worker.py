"""`cladist worker`."""

import click

from worker.bootstrap import bootstrap
from worker.machine import set_up_process
from worker.service import run_worker
from worker.settings import read_settings


@click.command()
@click.option("--drain", is_flag=True, help="Stop when no job is open any more.")
def worker(*, drain: bool) -> None:
    """Run jobs until SIGTERM or Ctrl-C, which let what is in flight finish."""
    settings = read_settings()
    set_up_process(settings)
    services = bootstrap(settings)
    click.echo(f"worker on {services.database.name}, queue {settings.queue!r}; Ctrl-C stops it", err=True)
    run_worker(services, drain=drain)
