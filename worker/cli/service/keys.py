"""`cladist keys`."""

from dataclasses import asdict
from typing import Any

import click

from worker.access.keys import MAX_RATE_PER_S, NewKey, Scope, create_key, list_keys, revoke_key, rotate_key
from worker.cli.options import FiniteRange, by_option, json_option
from worker.cli.output import print_json, print_secret, print_table, print_text
from worker.db.engine import Database, open_database
from worker.db.tables import DEFAULT_TENANT
from worker.settings import read_settings

_COLUMNS = ("id", "tenant", "scopes", "rate_per_s", "created_at", "created_by", "used_at", "revoked_at")

_id_argument = click.argument("key_id", metavar="ID", type=click.IntRange(1, 2**31 - 1))


class _Scopes(click.ParamType[frozenset[Scope]]):
    """Scopes, by commas."""

    name = "scopes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[Scope]:
        """The set of them; fails on any other word."""
        if isinstance(value, frozenset):
            return value
        try:
            return frozenset(Scope(word.strip()) for word in str(value).split(","))
        except ValueError:
            self.fail(f"{str(value)[:80]!r}: write some of {', '.join(Scope)}, by commas", param, ctx)


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke keys of the HTTP API."""


@keys.command()
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose assets and jobs it opens.")
@click.option("--scope", "scopes", type=_Scopes(), required=True, help=f"Some of {', '.join(Scope)}, by commas.")
@click.option("--rate-per-s", type=FiniteRange(0.001, MAX_RATE_PER_S), help="Requests a second. [default: any number]")
@by_option
@json_option
def create(*, tenant: str, scopes: frozenset[Scope], rate_per_s: float | None, by: str, as_json: bool) -> None:
    """Make a key, and show it: this once, as only a hash of it is kept."""
    _show(create_key(_database(), tenant, scopes, by, rate_per_s), as_json=as_json)


@keys.command("list")
@click.option("--tenant", help="Only those of one tenant.")
@json_option
def list_(*, tenant: str | None, as_json: bool) -> None:
    """List all keys, without the keys themselves."""
    with _database().read() as tx:
        found = list_keys(tx, tenant)
    if as_json:
        for key in found:
            print_json(key)
    else:
        print_table("keys", _COLUMNS, [[_cell(key[column]) for column in _COLUMNS] for key in found])


@keys.command()
@_id_argument
@by_option
@json_option
def rotate(*, key_id: int, by: str, as_json: bool) -> None:
    """Make another key of the same ID, tenant and scopes; the one before is refused from now on."""
    _show(rotate_key(_database(), key_id, by), as_json=as_json)


@keys.command()
@_id_argument
@by_option
@json_option
def revoke(*, key_id: int, by: str, as_json: bool) -> None:
    """Refuse a key from now on, for good."""
    found = revoke_key(_database(), key_id, by)
    if as_json:
        print_json(found)
    else:
        print_text(f"key {key_id} is revoked")


def _database() -> Database:
    return open_database(read_settings().database_url)


def _show(made: NewKey, *, as_json: bool) -> None:
    """The key as it is, on a line of its own: `print_text` would make it ***."""
    if as_json:
        print_json(asdict(made))
    else:
        print_text(f"key {made.id}, shown this once:", err=True)
        print_secret(made.key)


def _cell(value: Any) -> object:
    return ", ".join(value) if isinstance(value, list) else value
