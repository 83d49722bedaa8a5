"""`cladist worker`."""

import click

import worker
from worker.settings import read_settings


@click.command("worker")
@click.option("--drain", is_flag=True, help="Stop when no job is open any more.")
def run(*, drain: bool) -> None:
    """Run jobs until SIGTERM or Ctrl-C, which let what is in flight finish."""
    worker.start_worker(read_settings(), drain=drain)
