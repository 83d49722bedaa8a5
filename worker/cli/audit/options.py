"""Whose records: the option of all commands."""

import click

from worker.audit.verify import EVERY_TENANT_NAME
from worker.db.tables import EVERY_TENANT
from worker.db.transaction import Transaction
from worker.dispatch.queues import find_tenant

tenant_option = click.option(
    "--tenant", help=f"Only this tenant's; {EVERY_TENANT_NAME} is the chain of bundles and releases. [default: all]"
)


def chain_number(tx: Transaction, tenant: str | None) -> int | None:
    """The number of the chain that is meant; None for all of them. Raises LookupFailedError."""
    if tenant is None:
        return None
    return EVERY_TENANT if tenant == EVERY_TENANT_NAME else find_tenant(tx, tenant)
