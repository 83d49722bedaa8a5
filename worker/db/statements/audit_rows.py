"""Audit records of one tenant by id, read along the index of tenants, however rare or long silent the tenant is."""

from typing import Any, cast

from sqlalchemy import Select, Table, select, tuple_

from worker.db.tables import AuditRecordRow
from worker.db.transaction import Transaction

_TABLE = cast("Table", AuditRecordRow.__table__)  # its rows are plain tuples, made faster than those of a mapped class
_COLUMNS = _TABLE.c
LAST_ID = 2**63 - 1


def select_records_of(
    tx: Transaction, tenant: int, names: tuple[str, ...], *, after: int, limit: int, up_to: int = LAST_ID
) -> Select[*tuple[Any, ...]]:
    """Columns of a tenant's next records with ids above one, and up to another, by id.

    PostgreSQL compares tenant and id at once. Told that the tenant is one, it may walk along the primary key instead,
    past millions of records of others.
    """
    query = select(*(_COLUMNS[name] for name in names))
    if tx.is_sqlite:
        found = query.where(_COLUMNS.tenant_id == tenant, _COLUMNS.id > after, _COLUMNS.id <= up_to)
    else:
        place = tuple_(_COLUMNS.tenant_id, _COLUMNS.id)
        found = query.where(place > tuple_(tenant, after), place <= tuple_(tenant, up_to))
    return found.order_by(_COLUMNS.tenant_id, _COLUMNS.id).limit(limit)


def select_records(names: tuple[str, ...], *, after: int, limit: int) -> Select[*tuple[Any, ...]]:
    """Columns of the next records of all tenants with ids above one, by id."""
    query = select(*(_COLUMNS[name] for name in names)).where(_COLUMNS.id > after)
    return query.order_by(_COLUMNS.id).limit(limit)
