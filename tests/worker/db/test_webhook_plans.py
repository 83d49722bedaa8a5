"""What senders, purges and people ask of deliveries is read along an index, however many have ended."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from plans import analyse, explained

from worker.db.engine import Database
from worker.db.statements.rows import insert_rows, stored_time
from worker.db.tables import DeliveryRow, WebhookRow
from worker.events.retention import purge_events
from worker.webhooks.deliveries import list_deliveries
from worker.webhooks.endpoints import read_webhook_lags
from worker.webhooks.rounds import select_due

EACH = 5000
COLUMNS = (
    *("webhook_id", "event_id", "kind", "status", "attempt", "failures", "due_at", "expires_at", "created_at"),
    "finished_at",
)


@pytest.fixture(autouse=True)
def filled(database: Database) -> None:
    """Three webhooks; of the deliveries of each nearly all have ended."""
    with database.write() as tx:
        now = tx.now()
        for number in (1, 2, 3):
            common = {"url": "https://example.com/", "secret": "whsec_", "after_event": 0, "created_at": now}
            tx.add(WebhookRow(id=number, token="0", tenant_id=1, **common))
        tx.flush()
        at = stored_time(tx, now)
        rows = (
            (webhook, event, "job.failed", "pending" if event % 2500 == 0 else "delivered", 1, 0,
             at if event % 2500 == 0 else None, at, at, at)
            for webhook in (1, 2, 3)
            for event in range(1, EACH + 1)
        )  # fmt: skip
        insert_rows(tx, DeliveryRow, COLUMNS, rows)
    analyse(database)


def plan_of(database: Database, ask: Callable[[], object]) -> str:
    return "\n".join(line for _, plan in explained(database, ask, seqscan=False) for line in plan)


def test_what_is_due_is_sought_among_what_is_open(database: Database) -> None:
    """By either of the partial indexes, as what the planner knows of them has it."""

    def ask() -> None:
        with database.read() as tx:
            tx.execute(select_due(datetime.now(UTC) + timedelta(seconds=5))).all()

    plan = plan_of(database, ask)
    assert "ix_webhook_deliveries_due" in plan or "ix_webhook_deliveries_open" in plan


def test_lags_and_purges_look_at_what_is_open_only(database: Database) -> None:
    def lags() -> None:
        with database.read() as tx:
            read_webhook_lags(tx)

    for ask in (lags, lambda: list(purge_events(database, timedelta(0)))):
        assert "ix_webhook_deliveries_open" in plan_of(database, ask)


def test_the_log_is_read_backwards(database: Database) -> None:
    """All of it, and what was given up."""
    for failed, index in ((False, "ix_webhook_deliveries_webhook_id_id"), (True, "ix_webhook_deliveries_failed")):

        def ask(failed: bool = failed) -> None:
            with database.read() as tx:
                list_deliveries(tx, 2, failed=failed)

        assert index in plan_of(database, ask)
