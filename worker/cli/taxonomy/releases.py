"""`cladist taxonomy import|list|activate|find`, and `plan|apply|rollback|reviews` of stored labels."""

from collections.abc import Sequence
from pathlib import Path

import click

from taxonomy.changes.mapping import NO_MAPPING, NodeMapping
from taxonomy.formats.reading import inspect_taxonomy
from worker.audit.activations import activate_release, add_release
from worker.catalog.nodes import find_node
from worker.catalog.releases import (
    active_release,
    find_or_read_release,
    find_release,
    is_stored,
    list_releases,
    stored_taxonomy,
)
from worker.cli.options import by_option, file_type, json_option
from worker.cli.output import print_json, print_table, print_text, print_warnings
from worker.cli.progress import progress_bars
from worker.cli.taxonomy.differences import mapping_option, merged_mapping
from worker.db.engine import Database, open_database
from worker.db.tables import DEFAULT_TAXONOMY, ReleaseRow
from worker.db.transaction import Transaction
from worker.errors import LookupFailedError
from worker.labels.relabelling.apply import (
    BATCH_ASSETS,
    Outcome,
    apply_relabelling,
    difference_of,
    list_reviews,
    newest_relabelling,
    rollback_relabelling,
)
from worker.labels.relabelling.plan import plan_relabelling
from worker.policies.mapped_nodes import Lost, lost_nodes
from worker.settings import read_settings

_batch_option = click.option("--batch", type=click.IntRange(1, 100_000), default=BATCH_ASSETS, show_default=True)


@click.command("import")
@click.argument("file", type=file_type)
@click.option("--name", help=f"The taxonomy this is a release of. [default: {DEFAULT_TAXONOMY}]")
@click.option("--format", "format_name", metavar="NAME", help="The format, when it is not to be detected.")
@click.option("--activate", is_flag=True, help="Make it the active release of its name.")
@by_option
@json_option
def import_(*, file: Path, name: str | None, format_name: str | None, activate: bool, by: str, as_json: bool) -> None:
    """Store FILE as a release; the first of a name is active at once."""
    reading = inspect_taxonomy(file, format_name)
    read = reading.taxonomy
    print_warnings(reading.warnings)
    database = _database()
    with database.write() as session:
        row = add_release(session, read, name, activate=activate, by=by)
        said = {"name": row.name, "release": row.release, "nodes": len(read), "active": row.active}
        line = f"release {row.release[:12]} of {row.name!r}: {len(read)} nodes, {'' if row.active else 'not '}active"
    if as_json:
        print_json(said)
    else:
        print_text(line)


@click.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the stored releases."""
    with _database().read() as session:
        found = list(list_releases(session))
    if as_json:
        for row in found:
            print_json(row)
    else:
        columns = ("name", "release", "nodes", "active", "imported_at")
        print_table("releases", columns, [[row[column] for column in columns] for row in found])


@click.command()
@click.argument("release")
@by_option
def activate(*, release: str, by: str) -> None:
    """Make RELEASE the active one of its name: labels are given and asked for in it from now on."""
    with _database().write() as session:
        row = find_release(session, release)
        before = active_release(session, row.name)
        if before is not None and before.id != row.id:
            _tell_lost(lost_nodes(session, before, row, NO_MAPPING))
        activate_release(session, row, by=by)
        print_text(f"{row.release[:12]} is the active release of {row.name!r}")


@click.command()
@click.argument("release")
@click.argument("node")
@json_option
def find(*, release: str, node: str, as_json: bool) -> None:
    """Find NODE in a stored RELEASE by id, path, name or alias."""
    with _database().read() as session:
        row = find_node(session, find_release(session, release).id, node)
        found = {"node": row.node_id, "name": row.name, "path": row.path, "level": row.level}
    if as_json:
        print_json(found)
    else:
        print_table(node, ("field", "value"), list(found.items()))


@click.command()
@click.argument("before")
@click.argument("after")
@mapping_option
@json_option
def plan(*, before: str, after: str, mappings: tuple[Path, ...], as_json: bool) -> None:
    """Count what moving all labels from release BEFORE to AFTER, a release or a file, would touch; change nothing."""
    with _database().read() as session:
        old, new, mapping = _pair(session, before, after, mappings)
        difference = difference_of(old, new, mapping)
        planned = plan_relabelling(session, old, new, difference)
        lost = lost_nodes(session, old, new, mapping)
    if as_json:
        print_json({**planned, "lost_by_policies": [each._asdict() for each in lost]})
        return
    columns = ("change", "nodes", "labels", "human_labels", "jobs", "action")
    rows = [[change[column] for column in columns] for change in planned["changes"]]
    print_table(f"{planned['from'][:12]} -> {planned['to'][:12]}: {planned['labels']} labels", columns, rows)
    if planned["without_ancestor"]:
        print_text(
            f"{planned['without_ancestor']} labels have no surviving ancestor: their assets are listed for review"
        )
    _tell_lost(lost)


@click.command()
@click.argument("before")
@click.argument("after")
@mapping_option
@_batch_option
@by_option
@json_option
def apply(*, before: str, after: str, mappings: tuple[Path, ...], batch: int, by: str, as_json: bool) -> None:
    """Move all labels from release BEFORE to AFTER, a release or a file, and activate that.

    Goes on where it was cut off; what is done already is not done again.
    """
    database = _database()
    with database.write() as session:
        old, new, mapping = _pair(session, before, after, mappings)
        if not is_stored(new):
            new = add_release(session, stored_taxonomy(new), old.name, by=by)
        ids = old.id, new.id
        lost = lost_nodes(session, old, new, mapping)
    _tell_lost(lost)
    with progress_bars(hidden=as_json) as progress:
        outcome = apply_relabelling(
            database,
            *ids,
            mapping,
            batch=batch,
            by=by,
            on_progress=lambda done: progress("move", done, max(done, 1), "assets"),
        )
    _say(outcome, "moved" if outcome.changed else "was moved already; nothing changed", as_json=as_json)


@click.command()
@click.argument("before")
@click.argument("after")
@_batch_option
@by_option
@json_option
def rollback(*, before: str, after: str, batch: int, by: str, as_json: bool) -> None:
    """Take back what `apply` BEFORE AFTER wrote, and activate BEFORE again."""
    database = _database()
    with database.read() as session:
        ids = find_release(session, before).id, find_release(session, after).id
    _say(rollback_relabelling(database, *ids, batch=batch, by=by), "rolled back", as_json=as_json)


@click.command()
@click.argument("before")
@click.argument("after")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.option(
    "--after-asset", type=click.IntRange(0, 2**63 - 1), default=0, help="The last asset id of the page before."
)
@json_option
def reviews(*, before: str, after: str, limit: int, after_asset: int, as_json: bool) -> None:
    """List the assets that lost their node on the way from BEFORE to AFTER."""
    with _database().read() as session:
        row = newest_relabelling(session, find_release(session, before).id, find_release(session, after).id)
        if row is None:
            raise LookupFailedError("no relabelling between these releases was applied")
        found = list(list_reviews(session, row.id, limit=limit, after=after_asset))
    if as_json:
        for each in found:
            print_json(each)
    else:
        print_table("to be reviewed", ("asset_id", "node", "change"), [list(each.values()) for each in found])


def _database() -> Database:
    return open_database(read_settings().database_url)


def _pair(
    session: Transaction, before: str, after: str, mappings: tuple[Path, ...]
) -> tuple[ReleaseRow, ReleaseRow, NodeMapping]:
    """Both releases and what the mappings say; a file AFTER that was not imported is a row without a number."""
    old, new = find_release(session, before), find_or_read_release(session, after)
    return old, new, merged_mapping(mappings, stored_taxonomy(old), stored_taxonomy(new))


def _tell_lost(lost: Sequence[Lost]) -> None:
    for each in lost:
        print_text(f"policy {each.policy} names {each.node}, which is nowhere there: no asset lies under it", err=True)


def _say(outcome: Outcome, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"relabelling": outcome.relabelling, "assets": outcome.assets, "labels": outcome.labels,
                    "reviews": outcome.reviews, "changed": outcome.changed})  # fmt: skip
    else:
        print_text(f"{what}: {outcome.assets} assets, {outcome.labels} labels, {outcome.reviews} to be reviewed")
