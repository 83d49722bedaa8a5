"""Which rows a transaction locks, and for whom it waits. SQLite has one writer at a time and needs none of this."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import GenerativeSelect, Select, func, select

from worker.db.statements.rows import is_any_of
from worker.db.tables import FIRST, AssetRow, Base, QueueRow
from worker.db.transaction import Transaction

_Query = TypeVar("_Query", bound=GenerativeSelect)

_LOCAL = True  # to the transaction
_RELAY_PATIENCE_MS = "15000"


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
        lock = lock.add_columns(func.set_config("idle_in_transaction_session_timeout", _RELAY_PATIENCE_MS, _LOCAL))
    return tx.scalar(lock) is not None


def hold_assets(tx: Transaction, asset_ids: Sequence[int]) -> None:
    """Let nobody else write labels of these assets until the transaction ends; new jobs on them may be submitted.

    All that a transaction writes labels of is to be held at once: in one order for all, none waits in a circle.
    """
    assets = select(AssetRow.id).where(is_any_of(tx, AssetRow.id, asset_ids)).order_by(AssetRow.id)
    tx.execute(assets.with_for_update(key_share=True)).all()
