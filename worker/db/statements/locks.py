"""Which rows a transaction locks, and for whom it waits. SQLite has one writer at a time and needs none of this."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import GenerativeSelect, Select, func, select

from worker.db.statements.rows import is_any_of
from worker.db.tables import FIRST, AssetRow, Base, BundleRow, QueueRow, ReleaseRow
from worker.db.transaction import Transaction

_Query = TypeVar("_Query", bound=GenerativeSelect)

_LOCAL = True  # to the transaction
_PATIENCE_MS = "15000"  # with a relay, or whoever links audit records, that stands still
_SERVING = 0x436C6164  # the first half of the key of advisory locks; the second is a hash of a taxonomy's name
_POLICIES = 0x506F6C69  # likewise; the second half is a hash of a policy's owner and name
_CHAIN = 0x41756469  # likewise; the second half is the number of a tenant


def lock_unless_held(query: _Query, of: type[Base] | None = None) -> _Query:
    """Lock the rows found, of one of the tables if it is named, and pass over those that another transaction holds."""
    return query.with_for_update(of=of, skip_locked=True)


def take_relay_lock(tx: Transaction) -> bool:
    """Be the only relay until the transaction ends; False when another one is.

    The row of the first queue, which is always there, serves as the lock. A relay that stands still inside its
    transaction loses its connection, and the lock with it, after 15 s.
    """
    lock: Select[Any] = lock_unless_held(select(QueueRow.id).where(QueueRow.id == FIRST))
    if not tx.is_sqlite:
        lock = lock.add_columns(func.set_config("idle_in_transaction_session_timeout", _PATIENCE_MS, _LOCAL))
    return tx.scalar(lock) is not None


def take_chain_lock(tx: Transaction, tenant_id: int) -> bool:
    """Be the only one to add to a tenant's audit chain until the transaction ends; False when another one is.

    Who stands still inside the transaction loses the connection, and the lock with it, after 15 s.
    """
    if tx.is_sqlite:
        return True
    patience = func.set_config("idle_in_transaction_session_timeout", _PATIENCE_MS, _LOCAL)
    return bool(tx.execute(select(func.pg_try_advisory_xact_lock(_CHAIN, tenant_id), patience)).one()[0])


def hold_assets(tx: Transaction, asset_ids: Sequence[int]) -> None:
    """Let nobody else write labels of these assets until the transaction ends; new jobs on them may be submitted.

    All that a transaction writes labels of is to be held at once: in one order for all, none waits in a circle.
    """
    assets = select(AssetRow.id).where(is_any_of(tx, AssetRow.id, asset_ids)).order_by(AssetRow.id)
    tx.execute(assets.with_for_update(key_share=True)).all()


def hold_serving_release(tx: Transaction, bundle_id: int) -> None:
    """Let no other release of a bundle's taxonomy become active until the transaction ends; others may hold it too.

    An advisory lock and no lock of rows: those who hold it come one after the other without end, and only advisory
    locks are granted in the order in which they were asked for.
    """
    if tx.is_sqlite:
        return
    lock = func.pg_advisory_xact_lock_shared(_SERVING, func.hashtext(ReleaseRow.name))
    tx.execute(
        select(lock)
        .select_from(BundleRow)
        .join(ReleaseRow, ReleaseRow.id == BundleRow.release_id)
        .where(BundleRow.id == bundle_id)
    )


def lock_serving_release(tx: Transaction, name: str) -> None:
    """Wait for all who hold the serving release of a taxonomy name, and keep others out until the transaction ends."""
    if not tx.is_sqlite:
        tx.execute(select(func.pg_advisory_xact_lock(_SERVING, func.hashtext(name))))


def lock_policies(tx: Transaction, owner: int, name: str) -> None:
    """Be the only one who adds or activates versions of a policy until the transaction ends."""
    if not tx.is_sqlite:
        tx.execute(select(func.pg_advisory_xact_lock(_POLICIES, func.hashtext(f"{owner}:{name}"))))
