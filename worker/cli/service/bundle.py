"""`cladist bundle`."""

from pathlib import Path

import click

from worker.cli.options import by_option, file_type, json_option
from worker.cli.output import print_json, print_text
from worker.cli.policies.shadow import off_option
from worker.db.engine import open_database
from worker.jobs.shadows import set_shadow_bundle
from worker.models.registration import add_bundle
from worker.settings import read_settings


@click.group()
def bundle() -> None:
    """Make bundles known to the database."""


@bundle.command()
@click.argument("bundle", type=file_type)
@click.option("--taxonomy-name", help="What its taxonomy is called, where its release is not known yet.")
@click.option("--inactive", is_flag=True, help="Only make it known, as for a shadow; what is active stays so.")
@by_option
@json_option
def add(*, bundle: Path, taxonomy_name: str | None, inactive: bool, by: str, as_json: bool) -> None:
    """Make BUNDLE known and active: jobs submitted from now on use it."""
    database = open_database(read_settings().database_url)
    added = add_bundle(database, bundle, taxonomy_name, activate=not inactive, by=by)
    if as_json:
        print_json({"model": added.model, "release": added.info.release, "folder": str(added.folder)})
    else:
        print_text(f"{added.model} is {'known' if inactive else 'active'} (taxonomy release {added.info.release[:12]})")


@bundle.command()
@click.argument("model")
@off_option
@by_option
def shadow(*, model: str, off: bool, by: str) -> None:
    """Let the bundle of that exact version, MODEL, answer beside the active one; its answers are kept apart.

    Each job that succeeds gets another one, in the queue `shadow`, which comes after all others.
    """
    with open_database(read_settings().database_url).write() as tx:
        row = set_shadow_bundle(tx, model, by, on=not off)
        print_text(f"{row.model} is {'no shadow any more' if off else 'a shadow'}")
