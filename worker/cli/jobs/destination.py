"""The options of commands that submit jobs: to which queue, and for whom."""

import click

from worker.dispatch.queues import DEFAULT_DESTINATION

queue_option = click.option(
    "--queue", default=DEFAULT_DESTINATION.queue, show_default=True, help="The queue of the jobs."
)
tenant_option = click.option(
    "--tenant",
    default=DEFAULT_DESTINATION.tenant,
    show_default=True,
    help="Whom it is for: tenants of a queue take turns.",
)
