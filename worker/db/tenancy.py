"""The one place where the rows of a tenant are told from those of others.

`Database.of_tenant` gives transactions in which each SELECT, UPDATE and DELETE has the conditions of `rows_of` added,
wherever in the statement a table appears. Tables without a tenant are what all share (queues, releases, nodes,
bundles), or are reached through a job or an asset only (decisions, labels): a test holds the list of them.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy.orm import with_loader_criteria
from sqlalchemy.sql.base import ExecutableOption

from worker.db.tables import EVERY_TENANT, Base, HashListRow, JobRow, PolicyRow, TenantRow

OF_EVERY_TENANT = {"of_every_tenant": True}  # execution options of a statement that must see all rows

_SHARED = (HashListRow, PolicyRow)  # rows of EVERY_TENANT hold for each


@lru_cache(maxsize=1024)
def rows_of(tenant_id: int) -> tuple[ExecutableOption, ...]:
    """Options of a statement that let it see the rows of one tenant alone, and those that hold for every one."""
    return tuple(
        with_loader_criteria(table, _is_of(table, tenant_id), include_aliases=True) for table in tables_of_tenants()
    )


def tables_of_tenants() -> list[type[Base]]:
    """All tables whose rows have a tenant, and that of the tenants themselves."""
    tables = [mapper.class_ for mapper in Base.registry.mappers]
    return sorted(
        (table for table in tables if table is TenantRow or "tenant_id" in table.__table__.columns),
        key=lambda table: table.__name__,
    )


def _is_of(table: type[Base], tenant_id: int) -> Any:
    columns: Any = table
    if table is TenantRow:
        return columns.id + 0 == tenant_id  # or a join would lead through all jobs of the tenant: see below
    if table in _SHARED:
        return columns.tenant_id.in_((EVERY_TENANT, tenant_id))
    if table is JobRow:
        return _is_of_tenant_unindexed(tenant_id)
    return columns.tenant_id == tenant_id


def _is_of_tenant_unindexed(tenant_id: int) -> Any:
    """That a job is of a tenant, where it is sought by something else: its batch, its asset, its id.

    A sum in place of the column fits no index, so that no plan walks all jobs of a tenant to find those of one batch.
    Whoever wants the jobs of a tenant says so by the column itself as well.
    """
    return JobRow.tenant_id + 0 == tenant_id
