"""Give events to the webhooks that want them: a delivery for each, written with the cursor in one transaction."""

import threading
from collections.abc import Sequence

from sqlalchemy import select

from worker.db.engine import Database
from worker.db.statements.horizon import Horizon
from worker.db.statements.rows import insert_into, is_any_of
from worker.db.tables import DeliveryRow, EventRow, SinkRow, WebhookRow
from worker.db.transaction import Transaction
from worker.events.outbox import events_between
from worker.sinks.cursors import Lease, advance, is_free, take_lease
from worker.states import DeliveryStatus
from worker.supervision.pulses import Pulse
from worker.webhooks.endpoints import CURSOR, begin_at, has_webhooks
from worker.webhooks.filters import Filters
from worker.webhooks.retries import GIVEN_UP_AFTER

_PAGE = 500

_Chosen = Sequence[tuple[int, EventRow]]


class FanOut:
    """One worker's part; workers take turns by the lease of the cursor, as with sinks.

    A webhook gets an event once: the pair of both is unique.
    """

    def __init__(self, database: Database, owner: str, lease_s: float, wake: threading.Event | None = None) -> None:
        self._database = database
        self._owner = owner
        self._lease_s = lease_s
        self._wake = wake or threading.Event()
        self._horizon = Horizon(EventRow)
        self._filters = Filters()

    def turn(self, pulse: Pulse, stop: threading.Event) -> None:
        """Give out all events that are safe to read, if it is this worker's turn; sets `wake` where some are wanted."""
        safe = self._reach()
        lease = self._take() if safe else None
        while lease is not None and lease.cursor < safe and not stop.is_set():
            pulse.beat()
            lease = self._give_page(lease, safe)

    def is_behind(self) -> bool:
        """Whether there are events that no webhook was given yet."""
        with self._database.read() as tx:
            row = tx.get(SinkRow, CURSOR)
            return row is not None and self._horizon.newest_id(tx) > row.cursor

    def _reach(self) -> int:
        """Up to which id there is something to give out for this worker; 0 for nothing."""
        with self._database.read() as tx:
            safe, row = self._horizon.safe_id(tx), tx.get(SinkRow, CURSOR)
            is_forgotten = row is None and has_webhooks(tx)
            if row is not None and (safe <= row.cursor or not is_free(row, self._owner, tx.now(), self._lease_s)):
                return 0
        if is_forgotten:  # by `cladist sinks forget`, which others may have meant
            with self._database.write() as tx:
                begin_at(tx, safe)
        return safe if row is not None else 0

    def _take(self) -> Lease | None:
        with self._database.write() as tx:
            return take_lease(tx, CURSOR, self._owner, self._lease_s)

    def _give_page(self, lease: Lease, safe: int) -> Lease | None:
        with self._database.read() as tx:
            events = events_between(tx, lease.cursor, safe, _PAGE)
            webhooks = tx.scalars(select(WebhookRow).where(WebhookRow.disabled_at.is_(None))).all()
            chosen = self._filters.choose(tx, events, webhooks)
            cursor = events[-1].id if len(events) == _PAGE else safe
            tx.expunge_all()
        with self._database.write() as tx:
            held = advance(tx, lease, cursor, self._lease_s)
            if held is not None:
                _write(tx, chosen)
        if chosen:
            self._wake.set()
        return held


def _write(tx: Transaction, chosen: _Chosen) -> None:
    """Deliveries to those webhooks that are there still, and stay until the transaction ends."""
    if not chosen:
        return
    wanted = sorted({webhook_id for webhook_id, _ in chosen})
    there = select(WebhookRow.id).where(is_any_of(tx, WebhookRow.id, wanted), WebhookRow.disabled_at.is_(None))
    held = set(tx.scalars(there.order_by(WebhookRow.id).with_for_update(read=True, key_share=True)))
    now = tx.now()
    common = {"status": DeliveryStatus.PENDING, "due_at": now, "expires_at": now + GIVEN_UP_AFTER, "created_at": now}
    rows = [
        {"webhook_id": webhook_id, "event_id": event.id, "kind": str(event.kind), "attempt": 0, "failures": 0, **common}
        for webhook_id, event in chosen
        if webhook_id in held
    ]
    if rows:
        tx.execute(insert_into(tx, DeliveryRow).on_conflict_do_nothing(), rows)
