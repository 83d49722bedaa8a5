"""`cladist jobs`: the table of its commands."""

import click

from worker.cli.lazy_group import LazyCommand, LazyGroup

_COMMANDS = {
    "list": LazyCommand("worker.cli.jobs.listing:list_", "List jobs, the newest first."),
    "show": LazyCommand("worker.cli.jobs.listing:show", "Show one job and what came out of it."),
    "wait": LazyCommand("worker.cli.jobs.listing:wait", "Wait until jobs have ended."),
    "cancel": LazyCommand("worker.cli.jobs.requests:cancel", "Cancel jobs that have not ended."),
    "retry": LazyCommand("worker.cli.jobs.requests:retry", "Queue failed, dead or cancelled jobs again."),
    "dead": LazyCommand("worker.cli.jobs.dead:dead", "List jobs that ran out of attempts, and retry them."),
    "purge": LazyCommand("worker.cli.jobs.purge:purge", "Forget jobs that ended long ago."),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def jobs() -> None:
    """List, show, wait for, cancel, retry and purge jobs."""
