"""Forget events that every sink was told of, once they are old."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import delete, func, select

from worker.db.engine import Database
from worker.db.statements.locks import lock_unless_held
from worker.db.statements.rows import is_any_of
from worker.db.tables import EventRow, SinkRow

_PAGE = 1000


def purge_events(database: Database, older_than: timedelta) -> Iterator[int]:
    """Delete events so old that every known sink has read; yields how many, one transaction after another.

    Where no sink is known, by age alone. Events are read by id from the first, page by page, up to one that is young or
    unread. Several processes may purge at the same time.
    """
    with database.read() as tx:
        before = tx.now() - older_than
        read_by_all = tx.scalar(select(func.min(SinkRow.cursor)))
    cursor = 0
    while True:
        page = select(EventRow.id, EventRow.created_at).where(EventRow.id > cursor).order_by(EventRow.id).limit(_PAGE)
        if read_by_all is not None:
            page = page.where(EventRow.id <= read_by_all)
        with database.write() as tx:
            found = tx.execute(page).all()
            old = [row.id for row in found if row.created_at < before]
            if not old:
                return
            held = tx.scalars(lock_unless_held(select(EventRow.id).where(is_any_of(tx, EventRow.id, old)))).all()
            tx.execute(delete(EventRow).where(is_any_of(tx, EventRow.id, held)))
        yield len(held)
        cursor = found[-1].id
