"""`cladist audit verify`."""

import re
from typing import Any

import click

from worker.audit.verify import Break, Chain, verify_chains
from worker.cli.audit.options import chain_number, tenant_option
from worker.cli.options import json_option
from worker.cli.output import print_json, print_table, print_text
from worker.db.engine import open_database
from worker.settings import read_settings

_COLUMNS = ("tenant", "links", "records", "not linked yet", "head")


class _Head(click.ParamType[str]):
    """The hash of a link."""

    name = "hash"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """64 hexadecimal digits; fails on anything else."""
        if not re.fullmatch("[0-9a-fA-F]{64}", value):
            self.fail(
                f"{value[:80]!r} is no hash of a link: 64 hexadecimal digits, as `audit verify` prints them", param, ctx
            )
        return str(value).lower()


@click.command()
@tenant_option
@click.option("--head", "heads", type=_Head(), multiple=True, help="A head noted before: it must still be there.")
@json_option
def verify(*, tenant: str | None, heads: tuple[str, ...], as_json: bool) -> None:
    """Follow every chain from its first link; exit 1 when one is broken, and say where.

    Note the heads that it prints in another place: with --head it sees that the end of a chain was cut off since.
    """
    database = open_database(read_settings().database_url)
    with database.read() as tx:
        number = chain_number(tx, tenant)
    found = list(verify_chains(database, number, heads))
    if as_json:
        print_json({"chains": [chain.as_dict() for chain in found], "intact": not any(c.broken for c in found)})
    else:
        _print(found)
    if any(chain.broken for chain in found):
        raise SystemExit(1)


def _print(chains: list[Chain]) -> None:
    rows = [(chain.tenant, chain.links, chain.records, chain.unlinked, chain.head) for chain in chains]
    print_table("audit chains", _COLUMNS, rows)
    for chain in chains:
        if chain.broken is not None:
            print_text(f"BROKEN: tenant {chain.tenant!r}, {_where(chain.broken)}: {chain.broken.what}", err=True)


def _where(broken: Break) -> str:
    link = "behind its last link" if broken.link is None else f"link {broken.link}"
    return link if broken.record is None else f"{link}, record {broken.record}"
