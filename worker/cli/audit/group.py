"""`cladist audit`: the table of its commands."""

import click

from worker.cli.lazy_group import LazyCommand, LazyGroup

_COMMANDS = {
    "verify": LazyCommand("worker.cli.audit.verify:verify", "Follow the chains, and say where one is broken."),
    "export": LazyCommand("worker.cli.audit.export:export", "Write records as JSON, CSV or statements of reasons."),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def audit() -> None:
    """Verify and export the record of what was decided, by what and by whom."""
