"""How far a table that is only appended to may be read in the order of its ids, without missing what commits late."""

from sqlalchemy import select, text

from worker.db.tables import AuditRecordRow, EventRow
from worker.db.transaction import Transaction

# Transactions that write to the table, each by a name that is never used again. PostgreSQL takes this lock before it
# draws an id and gives it back after the commit can be seen. Snapshots would not do: the xmax of one is the last
# transaction that ended, plus one, and a transaction that still runs may lie beyond it.
_WRITERS = """ARRAY(
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND relation = CAST(:name AS regclass)
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"""


class Horizon:
    """The largest id of a table up to which every row that will ever commit can be seen; one reader's own.

    On PostgreSQL ids are drawn before commits: a row may appear below one that was read. A look remembers the newest id
    and who was writing then; when all of these have ended, that id is safe. Only writers of this table hold it back. On
    SQLite, with one writer at a time, all that can be seen is safe.
    """

    def __init__(self, table: type[EventRow | AuditRecordRow]) -> None:
        newest = select(table.id).order_by(table.id.desc()).limit(1)  # max() might read all of another index
        self._newest = newest
        self._look = select(newest.scalar_subquery(), text(_WRITERS).bindparams(name=table.__tablename__))
        self._safe = 0
        self._next: tuple[int, frozenset[str]] | None = None  # safe as soon as these have ended

    def safe_id(self, tx: Transaction) -> int:
        """The horizon as far as it is known; holds for statements after this one. 0: nothing is safe yet."""
        if tx.is_sqlite:
            return self.newest_id(tx)
        newest, writing = tx.execute(self._look).one()
        seen = newest or 0
        if not writing:
            self._safe, self._next = seen, None
            return self._safe
        if self._next is not None and self._next[1].isdisjoint(writing):
            self._safe, self._next = self._next[0], None
        if self._next is None:
            self._next = seen, frozenset(writing)
        return self._safe

    def newest_id(self, tx: Transaction) -> int:
        """The largest id that can be seen, safe or not; 0 in an empty table."""
        return tx.scalar(self._newest) or 0
