"""`cladist assets`."""

from typing import Any

import click

from worker.assets.deletion import delete_asset
from worker.assets.queries import list_assets, show_asset
from worker.cli.options import by_option, json_option
from worker.cli.output import print_jobs, print_json, print_table, print_text
from worker.db.engine import Database, open_database
from worker.db.tables import DEFAULT_TENANT
from worker.settings import read_settings

_COLUMNS = ("asset_id", "name", "asset")
_LABEL_COLUMNS = ("level", "node", "confidence", "on_path", "source")

_tenant_option = click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose asset it is.")


@click.group()
def assets() -> None:
    """Show, list and delete assets, by the names that their tenant has for them."""


@assets.command("list")
@_tenant_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--after", help="The name of the last asset of the page before.")
@json_option
def list_(*, tenant: str, limit: int, after: str | None, as_json: bool) -> None:
    """List the assets of a tenant by name."""
    with _database().read() as session:
        found = list_assets(session, tenant, limit=limit, after=after)
    if as_json:
        for asset in found:
            print_json(asset)
    else:
        print_table("assets", _COLUMNS, [[asset[column] for column in _COLUMNS] for asset in found])


@assets.command()
@click.argument("name")
@_tenant_option
@json_option
def show(*, name: str, tenant: str, as_json: bool) -> None:
    """Show the asset of that NAME: its labels, its decision and its newest jobs."""
    with _database().read() as session:
        found = show_asset(session, tenant, name)
    if as_json:
        print_json(found)
    else:
        _print(found)


@assets.command()
@click.argument("name")
@_tenant_option
@by_option
@json_option
def delete(*, name: str, tenant: str, by: str, as_json: bool) -> None:
    """Delete the asset of that NAME with its labels, decisions and jobs. There is no way back."""
    jobs = delete_asset(_database(), tenant, name, by)
    if as_json:
        print_json({"deleted": name, "jobs": jobs})
    else:
        print_text(f"{name} deleted, with {jobs} jobs")


def _database() -> Database:
    return open_database(read_settings().database_url)


def _print(asset: dict[str, Any]) -> None:
    labels, jobs, prediction = asset.pop("labels"), asset.pop("jobs"), asset.pop("prediction")
    if asset.pop("newest_failed"):
        print_text(f"the newest job failed ({jobs[0]['code']}): labels and decision are of an earlier one")
    print_table(asset["name"], ("field", "value"), list(asset.items()))
    print_table("labels", _LABEL_COLUMNS, [[label[column] for column in _LABEL_COLUMNS] for label in labels])
    if prediction:
        decision = prediction["decision"]
        print_text(f"decision: {' > '.join(decision['path']) or 'none'} ({decision['reason']})")
    print_jobs(jobs, as_json=False)
