"""A worker process, from its settings to its end."""

import logging
import sys

from worker.errors import ConsumerEndedError
from worker.pipeline.parallelism import set_up_process
from worker.process.bootstrap import bootstrap
from worker.process.service import run_worker
from worker.settings import Settings
from worker.supervision.lasting import EXIT_BROKEN
from worker.telemetry.last_words import guard_last_words
from worker.telemetry.logs import configure_logging

log = logging.getLogger("cladist.worker")


def start_worker(settings: Settings, *, drain: bool = False) -> None:
    """Make this process a worker, and run jobs until SIGTERM or SIGINT; with `drain`, until no job is open.

    Raises DatabaseError when the database cannot be used, SystemExit with 70 when the consumer ends unasked.
    """
    set_up_process(settings)
    guard_last_words()
    configure_logging(settings.log_format, settings.log_level, settings.worker_name)
    services = bootstrap(settings)
    log.info("worker on %s, queue %r; Ctrl-C stops it", services.database.name, settings.queue)
    try:
        run_worker(services, drain=drain)
    except ConsumerEndedError as error:
        log.critical("%s", error)
        sys.exit(EXIT_BROKEN)
