"""`cladist worker`."""

import logging

import click

from worker.pipeline.parallelism import set_up_process
from worker.process.bootstrap import bootstrap
from worker.process.service import run_worker
from worker.settings import read_settings
from worker.telemetry.logs import configure_logging

log = logging.getLogger("cladist.worker")


@click.command()
@click.option("--drain", is_flag=True, help="Stop when no job is open any more.")
def worker(*, drain: bool) -> None:
    """Run jobs until SIGTERM or Ctrl-C, which let what is in flight finish."""
    settings = read_settings()
    set_up_process(settings)
    configure_logging(settings.log_format, settings.log_level, settings.worker_name)
    services = bootstrap(settings)
    log.info("worker on %s, queue %r; Ctrl-C stops it", services.database.name, settings.queue)
    run_worker(services, drain=drain)
