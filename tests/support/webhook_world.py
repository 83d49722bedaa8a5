"""Webhooks of a database, and what a worker does for them, turn by turn."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from waiting import wait_until

from worker.db.engine import Database
from worker.db.tables import DeliveryRow, WebhookRow
from worker.events.outbox import Event, record_events
from worker.network.addresses import Resolve, resolve_by_system
from worker.settings import Settings
from worker.states import EventKind
from worker.supervision.pulses import Pulse
from worker.webhooks.endpoints import Registered, Wanted, add_webhook
from worker.webhooks.fan_out import FanOut
from worker.webhooks.sender import Sender


class World:
    """One database; senders are workers."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database, self.settings = database, settings
        self._senders: list[Sender] = []

    def add(self, url: str, tenant: str = "default", wanted: Wanted | None = None) -> Registered:
        with self.database.write() as tx:
            return add_webhook(tx, url, tenant, wanted or Wanted(), self.settings)

    def write(self, count: int = 1, kind: EventKind = EventKind.BATCH_FINISHED, tenant_id: int = 1) -> None:
        with self.database.write() as tx:
            record_events(tx, [Event(kind, tenant_id) for _ in range(count)])

    def fan_out(self, owner: str = "one") -> None:
        FanOut(self.database, owner, 60.0).turn(Pulse("test", 1.0), threading.Event())

    def sender(self, resolve: Resolve = resolve_by_system, **changes: Any) -> Sender:
        made = Sender(self.database, self.settings.model_copy(update=changes), resolve=resolve)
        self._senders.append(made)
        return made

    def send(self, sender: Sender | None = None) -> None:
        """Let a sender take turns until it has nothing to send now."""
        by = sender or self.sender()

        def is_done() -> bool:
            by.turn()
            return not by.is_running() and not self.due()

        wait_until(is_done, "all that is due to be sent", 60.0)

    def due(self) -> list[int]:
        """Deliveries that a sender may take now."""
        with self.database.read() as tx:
            now = tx.now()
            query = select(DeliveryRow.id).join(WebhookRow, WebhookRow.id == DeliveryRow.webhook_id)
            free = (WebhookRow.retry_at.is_(None)) | (WebhookRow.retry_at <= now)
            return list(tx.scalars(query.where(DeliveryRow.due_at <= now, WebhookRow.disabled_at.is_(None), free)))

    def hurry(self) -> None:
        """Let every wait be over."""
        with self.database.write() as tx:
            past = tx.now() - timedelta(seconds=1)
            tx.execute(update(DeliveryRow).where(DeliveryRow.due_at.is_not(None)).values(due_at=past))
            tx.execute(update(WebhookRow).where(WebhookRow.retry_at.is_not(None)).values(retry_at=past))

    def deliveries(self) -> Sequence[DeliveryRow]:
        with self.database.read() as tx:
            found = tx.scalars(select(DeliveryRow).order_by(DeliveryRow.id)).all()
            tx.expunge_all()
            return found

    def webhook(self, webhook_id: int) -> WebhookRow:
        with self.database.read() as tx:
            found = tx.get_one(WebhookRow, webhook_id)
            tx.expunge_all()
            return found

    def close(self) -> None:
        for sender in self._senders:
            sender.close(10.0)
