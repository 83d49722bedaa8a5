"""`cladist taxonomy`: the table of its commands."""

import click

from worker.cli.lazy_group import LazyCommand, LazyGroup

_COMMANDS = {
    "check": LazyCommand("worker.cli.taxonomy.files:check", "Say whether a file is a sound taxonomy."),
    "show": LazyCommand("worker.cli.taxonomy.files:show", "Show a file as an indented tree."),
    "convert": LazyCommand("worker.cli.taxonomy.files:convert", "Write a file in another format."),
    "diff": LazyCommand("worker.cli.taxonomy.differences:diff", "Sort the nodes of two files by what became of them."),
    "import": LazyCommand("worker.cli.taxonomy.releases:import_", "Store a file as a release."),
    "list": LazyCommand("worker.cli.taxonomy.releases:list_", "List the stored releases."),
    "activate": LazyCommand("worker.cli.taxonomy.releases:activate", "Make a release the active one of its name."),
    "find": LazyCommand("worker.cli.taxonomy.releases:find", "Find a node in a stored release."),
    "plan": LazyCommand("worker.cli.taxonomy.releases:plan", "Count what moving labels would touch; change nothing."),
    "apply": LazyCommand("worker.cli.taxonomy.releases:apply", "Move labels from one release to another."),
    "rollback": LazyCommand("worker.cli.taxonomy.releases:rollback", "Take back what apply wrote."),
    "reviews": LazyCommand("worker.cli.taxonomy.releases:reviews", "List the assets that lost their node."),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def taxonomy() -> None:
    """Check, show, convert and compare taxonomies; store releases, and move labels between them."""
