"""`cladist policy shadow`, `cladist bundle shadow` and `cladist shadow compare`."""

from datetime import datetime
from typing import Any

import click

from worker.catalog.serving import find_bundle
from worker.cli.options import by_option, json_option
from worker.cli.output import print_json, print_table, print_text
from worker.cli.policies.versions import tenant_option
from worker.cli.times import since_option
from worker.db.engine import Database, open_database
from worker.errors import LookupFailedError
from worker.policies.comparison import compare_bundle, compare_policy
from worker.policies.versions import find_policy, find_shadow, policy_text, set_shadow
from worker.settings import read_settings

off_option = click.option("--off", is_flag=True, help="No more; of a bundle, jobs that wait still run.")


@click.command()
@click.argument("policy")
@tenant_option
@off_option
@by_option
def shadow(*, policy: str, tenant: str | None, off: bool, by: str) -> None:
    """Let POLICY, NAME@VERSION or the newest of NAME, run beside the active one: it writes down and acts on nothing."""
    with _database().write() as tx:
        row = find_shadow(tx, policy, tenant) if off else find_policy(tx, policy, tenant, newest=True)
        set_shadow(tx, row, by, on=not off)
        print_text(f"{policy_text(row)} is {'no shadow any more' if off else 'a shadow'}")


@click.group("shadow")
def shadows() -> None:
    """Compare what runs beside with what acts."""


@shadows.command()
@click.argument("what")
@tenant_option
@since_option
@json_option
def compare(*, what: str, tenant: str | None, since: datetime | None, as_json: bool) -> None:
    """Say how WHAT, a version of a policy or the exact version of a bundle, agrees with what it runs beside."""
    with _database().read() as tx:
        try:
            found = compare_bundle(tx, find_bundle(tx, what), since)
        except LookupFailedError:
            try:
                row = find_policy(tx, what, tenant, newest=True)
            except LookupFailedError:
                raise LookupFailedError(f"no bundle and no policy is known as {what!r:.80}") from None
            found = compare_policy(tx, row, since)
    if as_json:
        print_json(found)
    elif "decisions" in found:
        _print_bundle(what, found)
    else:
        _print_policy(what, found)


def _print_policy(what: str, found: dict[str, Any]) -> None:
    _print_pairs(f"{what}, beside the active version", found["by_queue"])
    _print_pairs("by rule", found["by_rule"])
    print_text(f"{found['flips']} of {found['jobs']} jobs would flip")


def _print_bundle(what: str, found: dict[str, Any]) -> None:
    print_table(f"{what}, beside the active bundle", ("decision", "jobs"), list(found["decisions"].items()))
    print_table("best node", ("level", "jobs", "agree"), [list(each.values()) for each in found["by_level"]])
    print_table("by node", ("node", "jobs", "agree"), [list(each.values()) for each in found["by_node"][:20]])
    _print_pairs("what active policies would do with its answers", found["routings"])
    print_text(f"{found['jobs']} jobs compared")


def _print_pairs(title: str, pairs: list[dict[str, Any]]) -> None:
    print_table(title, ("acting", "shadow", "jobs"), [list(each.values()) for each in pairs])


def _database() -> Database:
    return open_database(read_settings().database_url)
