"""End deliveries that nobody will take any more, and forget those that ended long ago; piece by piece."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, or_, select, update

from worker.db.engine import Database
from worker.db.statements.locks import lock_unless_held
from worker.db.statements.rows import is_any_of
from worker.db.tables import DeliveryRow, WebhookRow
from worker.states import DeliveryStatus
from worker.telemetry.metrics import WEBHOOKS_GIVEN_UP
from worker.webhooks.endpoints import forget_old_secrets

_PAGE = 1000


def purge_deliveries(database: Database, older_than: timedelta) -> Iterator[int]:
    """Delete deliveries that ended and are so old; yields how many, one transaction after another.

    They are read by id from the first, up to one that is young; what is still pending is passed over.
    """
    with database.write() as tx:
        forget_old_secrets(tx)
        before = tx.now() - older_than
    cursor = 0
    while True:
        page = select(DeliveryRow.id, DeliveryRow.created_at, DeliveryRow.due_at).where(DeliveryRow.id > cursor)
        with database.write() as tx:
            found = tx.execute(page.order_by(DeliveryRow.id).limit(_PAGE)).all()
            old = [row.id for row in found if row.created_at < before]
            ended = [row.id for row in found if row.created_at < before and row.due_at is None]
            there = select(DeliveryRow.id).where(is_any_of(tx, DeliveryRow.id, ended), DeliveryRow.due_at.is_(None))
            held = tx.scalars(lock_unless_held(there)).all()
            tx.execute(delete(DeliveryRow).where(is_any_of(tx, DeliveryRow.id, held)))
        if not old:
            return
        yield len(held)
        cursor = found[-1].id


def give_up_deliveries(database: Database) -> Iterator[int]:
    """End what was not taken in three days, or belongs to a webhook that was disabled; yields how many."""
    while True:
        with database.write() as tx:
            now = tx.now()
            rows = tx.execute(lock_unless_held(_select_hopeless(now), DeliveryRow)).all()
            ended = {"status": DeliveryStatus.FAILED, "due_at": None, "finished_at": now}
            ids = [row.id for row in rows]
            tx.execute(update(DeliveryRow).where(is_any_of(tx, DeliveryRow.id, ids)).values(ended))
        for row in rows:
            WEBHOOKS_GIVEN_UP.labels(str(row.webhook_id)).inc()
        if not rows:
            return
        yield len(rows)


def _select_hopeless(now: datetime) -> Select[int, int]:
    """Of those that are due: what is leased is somebody's."""
    is_over = or_(DeliveryRow.expires_at <= now, WebhookRow.disabled_at.is_not(None))
    return (
        select(DeliveryRow.id, DeliveryRow.webhook_id)
        .join(WebhookRow, WebhookRow.id == DeliveryRow.webhook_id)
        .where(DeliveryRow.due_at.is_not(None), DeliveryRow.due_at <= now, is_over)
        .limit(_PAGE)
    )
