"""The log of deliveries: listed, sent again, tested."""

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from worker.db.engine import Database
from worker.db.statements.index_choice import IS_FAILED_DELIVERY
from worker.db.tables import DeliveryRow, EventRow, TenantRow, WebhookRow
from worker.db.transaction import Transaction
from worker.errors import LookupFailedError, WebhookError
from worker.states import DeliveryStatus
from worker.webhooks.endpoints import find_signer, find_webhook
from worker.webhooks.payloads import TEST, test_body
from worker.webhooks.post import Answer, Poster
from worker.webhooks.retries import GIVEN_UP_AFTER
from worker.webhooks.signing import message_id


def list_deliveries(
    tx: Transaction,
    webhook_id: int,
    tenant: str | None = None,
    *,
    failed: bool = False,
    limit: int = 50,
    before: int | None = None,
) -> list[dict[str, Any]]:
    """The newest deliveries of a webhook first, or those that were given up. Raises LookupFailedError."""
    find_webhook(tx, webhook_id, tenant)
    query = select(DeliveryRow).where(DeliveryRow.webhook_id == webhook_id).order_by(DeliveryRow.id.desc())
    if failed:
        query = query.where(IS_FAILED_DELIVERY)
    if before is not None:
        query = query.where(DeliveryRow.id < before)
    return [as_dict(row) for row in tx.scalars(query.limit(limit))]


def redeliver(tx: Transaction, delivery_id: int, tenant: str | None = None) -> dict[str, Any]:
    """Let a delivery be sent again, under the id that it had, with three days from now on.

    Raises LookupFailedError where it is not there, WebhookError where there is nothing to send.
    """
    row = tx.scalar(select(DeliveryRow).where(DeliveryRow.id == delivery_id).with_for_update())
    if row is None:
        raise LookupFailedError(f"no delivery has the id {delivery_id}")
    webhook = find_webhook(tx, row.webhook_id, tenant)
    if webhook.disabled_at is not None:
        raise WebhookError(f"webhook {webhook.id} is disabled: it answered 410")
    if row.event_id is None:
        raise WebhookError("a test is not sent again: run `cladist webhooks test`")
    if tx.get(EventRow, row.event_id) is None:
        raise WebhookError("its event is kept no longer (CLADIST_EVENTS_KEEP_DAYS)")
    now = tx.now()
    if row.due_at is None or row.failures:  # else it is due, or being sent, already
        row.status, row.failures, row.finished_at = DeliveryStatus.PENDING, 0, None
        row.due_at, row.expires_at = now, now + GIVEN_UP_AFTER
    return as_dict(row)


def send_test(database: Database, poster: Poster, webhook_id: int, tenant: str | None = None) -> dict[str, Any]:
    """Send a `webhook.test` now, and write down what came of it. Raises LookupFailedError."""
    with database.read() as tx:
        webhook = find_webhook(tx, webhook_id, tenant)
        now = tx.now()
        signer = find_signer(tx, webhook.id, now)
        name = tx.scalar(select(TenantRow.name).where(TenantRow.id == webhook.tenant_id)) or ""
        url, token = webhook.url, webhook.token
    body = test_body(now.isoformat(), name)
    answer = poster.post(url, signer.headers(message_id(token, f"test_{uuid.uuid4().hex}"), body), body)
    with database.write() as tx:
        row = _tested(find_webhook(tx, webhook_id), answer)
        row.created_at = row.finished_at = tx.now()
        row.expires_at = row.created_at + timedelta(0)
        tx.add(row)
        tx.flush()
        return as_dict(row)


def as_dict(row: DeliveryRow) -> dict[str, Any]:
    """A delivery as every interface shows it."""
    return {
        "delivery": row.id,
        "webhook": row.webhook_id,
        "event": row.event_id,
        "type": row.kind,
        "status": row.status,
        "attempt": row.attempt,
        "answer_status": row.answer_status,
        "answer": row.answer,
        "created_at": row.created_at.isoformat(),
        "due_at": row.due_at.isoformat() if row.due_at else None,
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
    }


def _tested(webhook: WebhookRow, answer: Answer) -> DeliveryRow:
    return DeliveryRow(
        webhook_id=webhook.id,
        kind=TEST,
        status=DeliveryStatus.DELIVERED if answer.is_taken else DeliveryStatus.FAILED,
        attempt=1,
        failures=0 if answer.is_taken else 1,
        answer_status=answer.status,
        answer=answer.text,
    )
