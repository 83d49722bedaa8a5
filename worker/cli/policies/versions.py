"""`cladist policy add|list|show|diff|activate|rollback`: the versions in the database."""

from pathlib import Path

import click

from worker.catalog.releases import find_release, stored_taxonomy
from worker.catalog.serving import active_bundle, serving_release
from worker.cli.options import by_option, file_type, json_option
from worker.cli.output import print_file, print_json, print_table, print_text
from worker.cli.policies.documents import print_findings
from worker.db.engine import Database, open_database
from worker.db.tables import PolicyRow, ReleaseRow
from worker.db.transaction import Transaction
from worker.policies.differences import policy_differences
from worker.policies.rules.document import read_policy
from worker.policies.rules.nodes import PolicyNodes
from worker.policies.versions import (
    activate_policy,
    add_policy,
    find_policy,
    list_policies,
    policy_text,
    rollback_policy,
    stored_document,
)
from worker.settings import read_settings

_COLUMNS = ("policy", "version", "tenant", "active", "shadow", "created_at", "created_by")

tenant_option = click.option("--tenant", help="The policy of one tenant. [default: that of all who have none]")


@click.command()
@click.argument("file", type=file_type)
@tenant_option
@click.option(
    "--taxonomy", "taxonomy_name", metavar="RELEASE", help="A stored release. [default: that of the active bundle]"
)
@by_option
@click.option("--activate", "is_activated", is_flag=True, help="Activate it as well.")
@json_option
def add(
    *, file: Path, tenant: str | None, taxonomy_name: str | None, by: str, is_activated: bool, as_json: bool
) -> None:
    """Keep the policy in FILE as the next version of its name; a text that is the newest version adds none."""
    document = read_policy(file)
    database = _database()
    with database.read() as tx:
        release = _release(tx, taxonomy_name)
        nodes = PolicyNodes.of(stored_taxonomy(release))
    with database.write() as tx:
        added = add_policy(tx, document, release, nodes, tenant, by)
        if is_activated:
            activate_policy(tx, added.row, by)
        said = {"policy": added.row.name, "version": added.row.version, "new": added.is_new,
                "active": added.row.active}  # fmt: skip
        text = policy_text(added.row)
    print_findings(str(file), added.check.warnings, "warning")
    if as_json:
        print_json(said)
    else:
        print_text(f"{text}: {'added' if added.is_new else 'known already'}{', active' if said['active'] else ''}")


@click.command("list")
@click.option("--tenant", help="Only those of one tenant.")
@json_option
def list_(*, tenant: str | None, as_json: bool) -> None:
    """List the versions of all policies, the newest of each first."""
    with _database().read() as tx:
        found = list_policies(tx, tenant)
    if as_json:
        for row in found:
            print_json(row)
    else:
        print_table("policies", _COLUMNS, [[row[column] for column in _COLUMNS] for row in found])


@click.command()
@click.argument("policy")
@tenant_option
def show(*, policy: str, tenant: str | None) -> None:
    """Print the document of POLICY: NAME@VERSION, or NAME for the active one."""
    with _database().read() as tx:
        print_file(find_policy(tx, policy, tenant).document)


@click.command()
@click.argument("before")
@click.argument("after")
@tenant_option
@json_option
def diff(*, before: str, after: str, tenant: str | None, as_json: bool) -> None:
    """Say which rules differ between the versions BEFORE and AFTER."""
    with _database().read() as tx:
        old, new = (stored_document(find_policy(tx, each, tenant)).policy for each in (before, after))
    found = policy_differences(old, new)
    if as_json:
        print_json(found)
        return
    rows = [("removed", name, "") for name in found["removed"]]
    rows += [("added", name, "") for name in found["added"]]
    rows += [("changed", each["rule"], ", ".join(each["parts"])) for each in found["changed"]]
    rows += [("moved", name, "") for name in found["moved"]]
    rows += [("changed", "", name) for name in found["settings"]]
    print_table(f"{before} -> {after}", ("change", "rule", "parts"), rows)


@click.command()
@click.argument("policy")
@tenant_option
@by_option
def activate(*, policy: str, tenant: str | None, by: str) -> None:
    """Let POLICY, NAME@VERSION or the newest of NAME, route all jobs that end from now on."""
    with _database().write() as tx:
        row = find_policy(tx, policy, tenant, newest=True)
        activate_policy(tx, row, by)
        print_text(f"{policy_text(row)} is active")


@click.command()
@click.argument("name")
@tenant_option
@by_option
def rollback(*, name: str, tenant: str | None, by: str) -> None:
    """Activate the version of NAME that was active before."""
    with _database().write() as tx:
        row: PolicyRow = rollback_policy(tx, name, tenant, by)
        print_text(f"{policy_text(row)} is active again")


def _release(tx: Transaction, wanted: str | None) -> ReleaseRow:
    """With its taxonomy, as it is read when the transaction is over."""
    row = find_release(tx, wanted) if wanted is not None else serving_release(tx, active_bundle(tx).id)
    tx.refresh(row, ["taxonomy"])  # it is deferred
    tx.expunge(row)
    return row


def _database() -> Database:
    return open_database(read_settings().database_url)
