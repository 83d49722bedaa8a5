"""`cladist policy`: the table of its commands."""

import click

from worker.cli.lazy_group import LazyCommand, LazyGroup

_COMMANDS = {
    "schema": LazyCommand("worker.cli.policies.documents:schema", "Print the JSON Schema of policy documents."),
    "check": LazyCommand("worker.cli.policies.documents:check", "Say what is wrong with a policy document."),
    "add": LazyCommand("worker.cli.policies.versions:add", "Keep a document as the next version of its policy."),
    "list": LazyCommand("worker.cli.policies.versions:list_", "List the versions of policies."),
    "show": LazyCommand("worker.cli.policies.versions:show", "Print the document of a version."),
    "diff": LazyCommand("worker.cli.policies.versions:diff", "Say which rules differ between two versions."),
    "activate": LazyCommand("worker.cli.policies.versions:activate", "Let a version route all jobs from now on."),
    "rollback": LazyCommand("worker.cli.policies.versions:rollback", "Activate what was active before."),
    "explain": LazyCommand("worker.cli.policies.explanation:explain", "Say why a job was routed as it was."),
    "replay": LazyCommand("worker.cli.policies.replay:replay_command", "Say what another version would have done."),
    "shadow": LazyCommand("worker.cli.policies.shadow:shadow", "Let a version run beside the active one, or no more."),
    "thresholds": LazyCommand("worker.cli.policies.thresholds:thresholds", "Turn a review plan into thresholds."),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def policy() -> None:
    """Check, keep, activate and explain the rules that route assets."""
