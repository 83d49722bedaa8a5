"""`cladist policy explain`, and `cladist routings list|show`."""

from typing import Any

import click

from worker.cli.options import id_type, json_option
from worker.cli.output import print_json, print_table, print_text
from worker.cli.policies.versions import tenant_option
from worker.db.engine import Database, open_database
from worker.policies.explanation import explain_job
from worker.policies.routings import list_routings, show_routings
from worker.settings import read_settings
from worker.states import Action

_COLUMNS = ("job", "name", "policy", "version", "rule", "action", "queue", "collection", "priority", "sampled")


@click.command()
@click.argument("job", type=id_type)
@click.option("--policy", metavar="NAME[@VERSION]", help="What this version would do. [default: those that routed it]")
@tenant_option
@json_option
def explain(*, job: int, policy: str | None, tenant: str | None, as_json: bool) -> None:
    """Say why JOB was routed as it was: its rule, and the condition that failed in each rule before."""
    for found in explain_job(_database(), job, policy, tenant):
        if as_json:
            print_json(found)
        else:
            _print(found)


@click.group()
def routings() -> None:
    """List and show what policies did with jobs."""


@routings.command("list")
@click.option("--queue", help="Only of this review queue.")
@click.option("--policy", help="Only of this policy.")
@click.option("--action", type=click.Choice([action.value for action in Action]), help="Only with this action.")
@click.option("--shadow", is_flag=True, help="Those of shadows, which acted on nothing.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@click.option("--before", metavar="CURSOR", help="The cursor of the last one of the page before, as --json says it.")
@json_option
def list_(
    *,
    queue: str | None,
    policy: str | None,
    action: str | None,
    shadow: bool,
    limit: int,
    before: str | None,
    as_json: bool,
) -> None:
    """List routings, those of the newest jobs first."""
    wanted = None if action is None else Action(action)
    with _database().read() as tx:
        found = list_routings(tx, queue=queue, policy=policy, action=wanted, shadow=shadow, limit=limit, before=before)
    _print_routings(found, as_json=as_json)


@routings.command()
@click.argument("job", type=id_type)
@json_option
def show(*, job: int, as_json: bool) -> None:
    """Show the routings of JOB, shadows included."""
    with _database().read() as tx:
        found = show_routings(tx, job)
    _print_routings(found, as_json=as_json)


def _print_routings(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for row in found:
            print_json(row)
    else:
        print_table("routings", _COLUMNS, [[row[column] for column in _COLUMNS] for row in found])


def _print(found: dict[str, Any]) -> None:
    tried = [(each["rule"], each["failed"]) for each in found["tried"]]
    title = f"job {found['job']}, {found['policy']}@{found['version']}"
    if tried:
        print_table(title, ("rule", "did not match, as"), tried)
    else:
        print_text(title)
    where = f" in {found['queue']}" if found["queue"] else ""
    sampled = ", drawn as a sample" if found["sampled"] else ""
    collection = f", collection {found['collection']}" if found["collection"] else ""
    tags = f", tags {', '.join(found['tags'])}" if found["tags"] else ""
    print_text(f"{found['rule']}: {found['action']}{where}{sampled}{collection}{tags}")


def _database() -> Database:
    return open_database(read_settings().database_url)
