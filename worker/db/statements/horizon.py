"""How far a table may be read by id so that no row with a smaller id is committed later.

Ids are given when a row is written, and rows are seen when their transaction commits: id 8 may be there before id 7. A
reader with a cursor waits until every transaction has ended that may have been given an id below its horizon. The
snapshot's own xmax would not do as the bound: it is one more than the newest transaction that has *ended*, and one that
began later, and has no row yet, may hold a smaller id all the same.
"""

from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.orm import InstrumentedAttribute

from worker.db.transaction import Transaction

_OWN_XID = text("SELECT pg_current_xact_id()::text::bigint")
_OLDEST_XID = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


@dataclass(frozen=True, slots=True)
class Horizon:
    """The largest id that was seen, and a bound above all transactions that may write a smaller one."""

    last_id: int  # 0: the table was empty
    xid: int  # of PostgreSQL; 0 on SQLite, where ids are seen in their order


def begin_numbering(tx: Transaction) -> None:
    """Give this transaction its own transaction id; to be called before it writes rows that are read by id.

    PostgreSQL gives one at the first row that is written, which is after the row got its own id from the sequence.
    """
    if not tx.is_sqlite:
        tx.execute(_OWN_XID)


def find_horizon(tx: Transaction, id_column: InstrumentedAttribute[int]) -> Horizon:
    """The horizon of a table as it is now; not safe yet. It costs PostgreSQL one transaction id."""
    last_id = tx.scalar(select(func.max(id_column))) or 0
    return Horizon(last_id, 0 if tx.is_sqlite else int(tx.execute(_OWN_XID).scalar_one()))


def is_safe(tx: Transaction, horizon: Horizon) -> bool:
    """Whether all rows up to the horizon are there for good: no open transaction is older than it.

    A transaction that stays open with writes, in any database of the server, holds this up and breaks nothing.
    """
    return tx.is_sqlite or int(tx.execute(_OLDEST_XID).scalar_one()) >= horizon.xid
