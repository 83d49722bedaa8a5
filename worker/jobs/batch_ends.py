"""The ends of batches: found by a sweep, told once each, and taken back when a job is tried again.

No job that ends touches the row of its batch, where all of a batch would wait for each other.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import select, update

from worker.db.engine import Database
from worker.db.statements.batch_ends import Sweep, batches_to_sweep
from worker.db.statements.locks import lock_unless_held
from worker.db.statements.rows import is_any_of
from worker.db.tables import BatchRow, JobRow
from worker.db.transaction import Transaction
from worker.events.outbox import Event, record_events
from worker.states import EventKind

_PAGE = 1000
_PAGES = 5  # in one sweep: what is left has its turn in the next
_ABANDONED = timedelta(seconds=60)  # a submission from which nothing has come for so long has ended


class BatchEnds:
    """One worker's look at the batches that have not ended, a bounded part of them at a time, round and round."""

    def __init__(self) -> None:
        self._cursor = 0

    def sweep(self, database: Database) -> int:
        """Tell the end of batches that are submitted and have no open job; return how many.

        Each end is told once, whoever else sweeps. All open batches are looked at, in several sweeps if there are many.
        """
        told = 0
        for _ in range(_PAGES):
            with database.read() as tx:
                page = batches_to_sweep(tx, after=self._cursor, limit=_PAGE)
                over = _over(tx, page)
            if over:
                told += _tell(database, over)
            self._cursor = page[-1].batch if len(page) == _PAGE else 0
            if not self._cursor:
                break
        return told


def reopen_batches(tx: Transaction, job_ids: Iterable[int]) -> None:
    """Take back the ends of the batches of jobs that are queued again; they end anew with those.

    Waits for a sweep that is telling an end of them just now, and lets none tell one before this transaction commits.
    """
    mine = select(JobRow.batch_id).where(is_any_of(tx, JobRow.id, job_ids))
    batches = sorted({batch for batch in tx.scalars(mine) if batch is not None})
    if not batches:
        return
    rows = select(BatchRow.id).where(is_any_of(tx, BatchRow.id, batches)).order_by(BatchRow.id)
    tx.execute(rows.with_for_update()).all()
    reopened = update(BatchRow).where(is_any_of(tx, BatchRow.id, batches), BatchRow.finished_at.is_not(None))
    tx.execute(reopened.values(finished_at=None))


def _over(tx: Transaction, page: Sequence[Sweep]) -> list[int]:
    """Those that have no open job, and to which none will be added."""
    if not page:
        return []
    since = tx.now() - _ABANDONED
    return [found.batch for found in page if not found.is_open and (found.is_submitted or found.newest_at < since)]


def _tell(database: Database, batches: Sequence[int]) -> int:
    """Look again, now that nobody can reopen them, and tell the ends."""
    with database.write() as tx:
        mine = select(BatchRow.id).where(is_any_of(tx, BatchRow.id, batches), BatchRow.finished_at.is_(None))
        held = tx.scalars(lock_unless_held(mine.order_by(BatchRow.id))).all()
        over = _over(tx, batches_to_sweep(tx, among=held)) if held else []
        if not over:
            return 0
        now = tx.now()
        fenced = update(BatchRow).where(is_any_of(tx, BatchRow.id, over), BatchRow.finished_at.is_(None))
        ended = tx.execute(fenced.values(finished_at=now).returning(BatchRow.id, BatchRow.tenant_id)).all()
        events = [Event(EventKind.BATCH_FINISHED, tenant_id, batch_id=batch) for batch, tenant_id in sorted(ended)]
        record_events(tx, events, now)
        return len(ended)
