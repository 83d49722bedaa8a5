"""`cladist hash-lists`."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from taxonomy.errors import some_of
from worker.cli.options import by_option, file_type, json_option
from worker.cli.output import print_json, print_table, print_text
from worker.db.engine import Database, open_database
from worker.db.tables import DEFAULT_TENANT
from worker.dispatch.queues import find_tenant
from worker.policies.hash_lists.entries import digest_of
from worker.policies.hash_lists.importing import LARGEST_DISTANCE, ListOptions, import_hashes
from worker.policies.hash_lists.loading import MIN_QUALITY, SURE, KnownContent
from worker.policies.hash_lists.storage import delete_hash_list, list_hash_lists
from worker.settings import read_settings

_COLUMNS = ("list", "tenant", "entries", "max_distance", "skip_model", "version", "updated_at")
_MATCH_COLUMNS = ("list", "kind", "distance", "skip_model")
_SHOWN = 10  # kinds that were passed over

_tenant_option = click.option("--tenant", help="Whose list it is; by default that of every tenant without its own.")


@click.group("hash-lists")
def hash_lists() -> None:
    """Import, list and delete lists of known content, and ask them."""


@hash_lists.command("import")
@click.argument("name")
@click.argument("file", type=file_type)
@_tenant_option
@click.option(
    "--max-distance",
    type=click.IntRange(0, LARGEST_DISTANCE),
    help="Bits in which a PDQ hash may differ. [default: 31, or as it is]",
)
@click.option(
    "--skip-model/--run-model", default=None, help="Whether a match needs no prediction. [default: no, or as it is]"
)
@click.option("--replace", is_flag=True, help="Drop what the list holds; by default FILE is added to it.")
@by_option
@json_option
def import_(
    *,
    name: str,
    file: Path,
    tenant: str | None,
    max_distance: int | None,
    skip_model: bool | None,
    replace: bool,
    by: str,
    as_json: bool,
) -> None:
    """Import a FILE of hashes, CSV or JSON, into the list of that NAME: all of it, or nothing."""
    options = ListOptions(max_distance, skip_model)
    done = import_hashes(_database(), name, file, options, tenant=tenant, replace=replace, by=by)
    if as_json:
        print_json(asdict(done))
        return
    counts = ", ".join(f"{count} {kind}" for kind, count in done.added.items())
    print_text(f"{done.name}: {counts} added, {sum(done.known.values())} were there; {done.entry_count} in all")
    if done.passed_over:
        others = some_of((f"{count} of {kind}" for kind, count in done.passed_over.items()), _SHOWN)
        print_text(f"passed over: {others}")


@hash_lists.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the lists: those of every tenant first."""
    with _database().read() as tx:
        found = list_hash_lists(tx)
    if as_json:
        for each in found:
            print_json(each)
    else:
        print_table("hash lists", _COLUMNS, [[_text(each[column]) for column in _COLUMNS] for each in found])


@hash_lists.command()
@click.argument("name")
@_tenant_option
@by_option
@json_option
def delete(*, name: str, tenant: str | None, by: str, as_json: bool) -> None:
    """Delete the list of that NAME."""
    entries = delete_hash_list(_database(), name, tenant, by)
    if as_json:
        print_json({"deleted": name, "entries": entries})
    else:
        print_text(f"{name} deleted, with {entries} entries")


@hash_lists.command()
@click.argument("image")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose lists are asked.")
@json_option
def match(*, image: str, tenant: str, as_json: bool) -> None:
    """Say which lists know an IMAGE or a hash of 64 hexadecimal digits, and at which distance."""
    database = _database()
    with database.read() as tx:
        tenant_id = find_tenant(tx, tenant)
    hashes = _hashes(image)
    found = KnownContent(database).find(tenant_id, hashes["sha256"], hashes["pdq"], hashes["quality"])
    lists = [dict(zip(_MATCH_COLUMNS, each, strict=True)) for each in found]
    if as_json:
        print_json({**hashes, "lists": lists})
        return
    if hashes["quality"] < MIN_QUALITY:
        print_text(f"PDQ quality {hashes['quality']} is below {MIN_QUALITY}: known by SHA-256 only")
    rows = [[_text(each[column]) for column in _MATCH_COLUMNS] for each in lists]
    print_table(f"{len(rows)} lists know it", _MATCH_COLUMNS, rows)


def _hashes(image: str) -> dict[str, Any]:
    """The hashes of an image file as a worker sees it, or a hash itself as either kind."""
    digest = digest_of(image)
    if digest is not None:
        return {"sha256": digest.hex(), "pdq": digest.hex(), "quality": SURE}
    from classifier.images.decode import decode, read_image_file  # noqa: PLC0415 (no other command decodes)
    from classifier.images.pdq import pdq_of  # noqa: PLC0415
    from worker.labels.contents import sha256_of  # noqa: PLC0415

    content = read_image_file(Path(image))
    pdq = pdq_of(decode(content, image))
    return {"sha256": sha256_of(content), "pdq": pdq.bits, "quality": pdq.quality}


def _database() -> Database:
    return open_database(read_settings().database_url)


def _text(value: object) -> object:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
