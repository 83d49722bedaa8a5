"""`cladist bundle`."""

from pathlib import Path

import click

from worker.cli.options import by_option, file_type, json_option
from worker.cli.output import print_json
from worker.db.engine import open_database
from worker.models.registration import add_bundle
from worker.settings import read_settings


@click.group()
def bundle() -> None:
    """Make bundles known to the database."""


@bundle.command()
@click.argument("bundle", type=file_type)
@click.option("--taxonomy-name", help="What its taxonomy is called, where its release is not known yet.")
@by_option
@json_option
def add(*, bundle: Path, taxonomy_name: str | None, by: str, as_json: bool) -> None:
    """Make BUNDLE known and active: jobs submitted from now on use it."""
    added = add_bundle(open_database(read_settings().database_url), bundle, taxonomy_name, by=by)
    if as_json:
        print_json({"model": added.model, "release": added.info.release, "folder": str(added.folder)})
    else:
        click.echo(f"{added.model} is active (taxonomy release {added.info.release[:12]})")
