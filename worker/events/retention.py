"""Forget events that every sink was told of and no webhook waits for, once they are old."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import delete, func, select

from worker.db.engine import Database
from worker.db.statements.locks import lock_unless_held
from worker.db.statements.rows import is_any_of
from worker.db.tables import DeliveryRow, EventRow, SinkRow, WebhookRow
from worker.db.transaction import Transaction

_PAGE = 1000


def purge_events(database: Database, older_than: timedelta) -> Iterator[int]:
    """Delete events so old that nobody waits for them; yields how many, one transaction after another.

    Every known sink has read them, and no delivery of them to a webhook is open. Where no sink is known, by age alone.
    Events are read by id from the first, page by page, up to one that is young or awaited. Several processes may purge
    at the same time.
    """
    with database.read() as tx:
        before = tx.now() - older_than
        read_by_all = _read_by_all(tx)
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


def _read_by_all(tx: Transaction) -> int | None:
    """The id up to which every sink has read and every delivery to a webhook has ended; None where nobody reads."""
    first = (
        select(func.min(DeliveryRow.event_id))
        .where(DeliveryRow.webhook_id == WebhookRow.id, DeliveryRow.due_at.is_not(None))
        .scalar_subquery()
    )
    awaited = [event_id - 1 for event_id in tx.scalars(select(first).select_from(WebhookRow)) if event_id is not None]
    read = tx.scalar(select(func.min(SinkRow.cursor)))
    return min([*awaited, *([] if read is None else [read])], default=None)
