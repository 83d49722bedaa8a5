"""Hash lists in the database: made, filled, shown, deleted; a list of EVERY_TENANT holds for all without their own."""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, delete, func, select

from worker.audit.people import system_user
from worker.audit.records import ImportRecord, append
from worker.db.engine import Database
from worker.db.statements.rows import insert_into, insert_rows
from worker.db.tables import EVERY_TENANT, HashEntryRow, HashListRow, TenantRow
from worker.db.transaction import Transaction
from worker.dispatch.queues import find_tenant
from worker.errors import HashListError, LookupFailedError
from worker.policies.hash_lists.entries import as_rows
from worker.policies.hash_lists.index import HASH_BYTES, Rows

MAX_DISTANCE = 31  # bits in which hashes of one picture differ at most, as PDQ's authors advise

_NAME = r"[A-Za-z0-9_.-]{1,64}"
_COLUMNS = ("list_id", "kind", "hash")
_INSERTED = 50_000  # rows in one statement: SQLite's are all in memory at once
_READ = 20_000  # rows fetched at once


def tenant_of_list(tx: Transaction, tenant: str | None) -> int:
    """The number of a tenant, or that of a list for every tenant. Raises LookupFailedError."""
    return EVERY_TENANT if tenant is None else find_tenant(tx, tenant)


def hold_list(tx: Transaction, tenant_id: int, name: str) -> HashListRow:
    """The list of that name, made if there is none, locked until the transaction ends. Raises HashListError."""
    if not re.fullmatch(_NAME, name):
        raise HashListError(f"{name[:80]!r} is no name of a list: 1 to 64 letters, digits, '_', '.' and '-'")
    fresh = {"max_distance": MAX_DISTANCE, "skip_model": False, "version": 0, "entry_count": 0, "updated_at": tx.now()}
    made = insert_into(tx, HashListRow).values(tenant_id=tenant_id, name=name, **fresh)
    tx.execute(made.on_conflict_do_nothing())
    return tx.scalars(_named(tenant_id, name).with_for_update()).one()


def add_entries(tx: Transaction, list_id: int, kind: str, rows: Rows) -> None:
    """Add hashes that the list, which the caller holds, does not have."""
    for start in range(0, len(rows), _INSERTED):
        insert_rows(tx, HashEntryRow, _COLUMNS, _entries(list_id, kind, rows[start : start + _INSERTED]))


def read_entries(tx: Transaction, list_id: int, kind: str) -> Rows:
    """(n, 32) all hashes of a kind. Raises HashListError where the database holds something else."""
    wanted = select(HashEntryRow.hash).where(HashEntryRow.list_id == list_id, HashEntryRow.kind == kind)
    found = bytearray()
    for part in tx.scalars(wanted.execution_options(yield_per=_READ)).partitions():
        found += bytes.fromhex("".join(part))
        if len(found) % HASH_BYTES:
            raise HashListError(f"list {list_id} holds {kind} entries that are no hashes")
    return as_rows(found)


def drop_entries(tx: Transaction, list_id: int) -> None:
    """Empty a list, which the caller holds."""
    tx.execute(delete(HashEntryRow).where(HashEntryRow.list_id == list_id))


def list_hash_lists(tx: Transaction) -> list[dict[str, Any]]:
    """All lists by name, those for every tenant first."""
    query = (
        select(HashListRow, TenantRow.name)
        .outerjoin(TenantRow, TenantRow.id == HashListRow.tenant_id)
        .order_by(HashListRow.tenant_id, HashListRow.name)
    )
    return [_as_dict(row, tenant) for row, tenant in tx.execute(query)]


def list_names(tx: Transaction, tenant_id: int) -> set[str]:
    """The names of the lists that a tenant has, those for all tenants included."""
    return set(tx.scalars(select(HashListRow.name).where(HashListRow.tenant_id.in_((tenant_id, EVERY_TENANT)))))


def show_hash_list(tx: Transaction, name: str, tenant: str | None = None) -> dict[str, Any]:
    """One list with its entries by kind. Raises LookupFailedError."""
    row = _find(tx, name, tenant)
    counted = select(HashEntryRow.kind, func.count()).where(HashEntryRow.list_id == row.id)
    kinds = dict(tx.execute(counted.group_by(HashEntryRow.kind)).all())
    return {**_as_dict(row, tenant), "kinds": kinds}


def delete_hash_list(database: Database, name: str, tenant: str | None = None, by: str | None = None) -> int:
    """Delete a list with its entries, on the record, and return how many these were. Raises LookupFailedError."""
    with database.write() as tx:
        row = _find(tx, name, tenant, lock=True)
        count = row.entry_count
        drop_entries(tx, row.id)
        record = ImportRecord(
            at=tx.now(), tenant=row.tenant_id, name=name, version=row.version + 1, entry_count=0, by=by or system_user()
        )
        append(tx, [record])
        tx.delete(row)
    return count


def _find(tx: Transaction, name: str, tenant: str | None, *, lock: bool = False) -> HashListRow:
    query = _named(tenant_of_list(tx, tenant), name)
    row = tx.scalar(query.with_for_update() if lock else query)
    if row is None:
        whose = "no list for every tenant" if tenant is None else f"no list of tenant {tenant!r}"
        raise LookupFailedError(f"{whose} is named {name!r}")
    return row


def _named(tenant_id: int, name: str) -> Select[HashListRow]:
    return select(HashListRow).where(HashListRow.tenant_id == tenant_id, HashListRow.name == name)


def _entries(list_id: int, kind: str, rows: Rows) -> Iterator[tuple[int, str, str]]:
    digits = rows.tobytes().hex()
    for at in range(0, len(digits), 2 * HASH_BYTES):
        yield list_id, kind, digits[at : at + 2 * HASH_BYTES]


def _as_dict(row: HashListRow, tenant: str | None) -> dict[str, Any]:
    return {
        "list": row.name,
        "tenant": tenant,
        "entries": row.entry_count,
        "max_distance": row.max_distance,
        "skip_model": row.skip_model,
        "version": row.version,
        "updated_at": row.updated_at.isoformat(),
    }
