"""Rounds: deliveries of one webhook that one thread has leased to send, one after the other, and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, exists, select, update

from worker.db.statements.locks import lock_unless_held
from worker.db.statements.rows import is_any_of
from worker.db.tables import DeliveryRow, EventRow, WebhookRow
from worker.db.transaction import Transaction
from worker.sinks.payloads import deliveries_of
from worker.states import DeliveryStatus
from worker.webhooks.endpoints import find_signer
from worker.webhooks.payloads import body_of
from worker.webhooks.post import Answer
from worker.webhooks.retries import address_wait, retry_wait
from worker.webhooks.signing import Signer, message_id

NO_EVENT = Answer(None, "its event is kept no longer")


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery that is to be sent; body None where its event is kept no longer."""

    delivery_id: int
    attempt: int
    failures: int
    expires_at: datetime
    message_id: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Round:
    """What one thread has leased; `failures` of the webhook in a row, as they were then."""

    webhook_id: int
    url: str
    failures: int
    signer: Signer
    messages: Sequence[Message]


def select_due(now: datetime) -> Select[int, int]:
    """The ids of webhooks that have something due and may be tried, with their failures in a row."""
    due = exists().where(DeliveryRow.webhook_id == WebhookRow.id, DeliveryRow.due_at <= now)
    may_be_tried = WebhookRow.retry_at.is_(None) | (WebhookRow.retry_at <= now)
    columns = select(WebhookRow.id, WebhookRow.failures)
    return columns.where(WebhookRow.disabled_at.is_(None), may_be_tried, due).order_by(WebhookRow.id)


def take_round(tx: Transaction, webhook_id: int, limit: int, lease_s: float) -> Round | None:
    """Lease the deliveries of a webhook that are due first, at most `limit`; None where there is nothing to do.

    Of a webhook that fails at most one is leased, by all workers together, until it is known what came of it.
    """
    now, lease = tx.now(), timedelta(seconds=lease_s)
    row = tx.get(WebhookRow, webhook_id)
    if row is None or row.disabled_at is not None:
        return None
    if row.failures and not _take_probe(tx, webhook_id, now, lease):
        return None
    rows = _lease(tx, webhook_id, 1 if row.failures else limit, now, lease)
    if not rows:
        row.retry_at = None if row.retry_at is None else now  # there was nothing to try it with
        return None
    return Round(webhook_id, row.url, row.failures, find_signer(tx, webhook_id, now), _messages(tx, row, rows))


def record_round(tx: Transaction, done: Round, answers: Sequence[Answer]) -> int:
    """Write down what came of the first messages of a round, and give the others back; how many were given up.

    Whoever has lost a lease meanwhile changes no delivery.
    """
    now = tx.now()
    pairs = list(zip(done.messages, answers, strict=False))
    ends = [_as_recorded(message, answer, now) for message, answer in pairs]
    back = [_as_given_back(message, now) for message in done.messages[len(pairs) :]]
    # `due_at` is the guard of an answer too: what has ended stays as it is.
    table: Any = DeliveryRow.__table__
    held = (table.c.id == bindparam("key"), table.c.attempt == bindparam("held"), table.c.due_at.is_not(None))
    names = ("status", "failures", "due_at", "finished_at", "answer_status", "answer")
    if ends:
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        tx.connection().execute(update(table).where(*held).values(values), ends)
    if back:
        tx.connection().execute(update(table).where(*held).values(due_at=bindparam("new_due_at")), back)
    _record_address(tx, done, [answer for answer in answers if answer is not NO_EVENT], now)
    return sum(end["new_status"] is DeliveryStatus.FAILED for end in ends)


def _take_probe(tx: Transaction, webhook_id: int, now: datetime, lease: timedelta) -> bool:
    """Be the only one to try a webhook that fails; False where somebody is, or it is too early."""
    query = select(WebhookRow).where(WebhookRow.id == webhook_id).with_for_update(skip_locked=True, key_share=True)
    row = tx.scalar(query.execution_options(populate_existing=True))
    if row is None or (row.retry_at is not None and row.retry_at > now):
        return False
    row.retry_at = now + lease
    return True


def _lease(tx: Transaction, webhook_id: int, limit: int, now: datetime, lease: timedelta) -> list[DeliveryRow]:
    due = select(DeliveryRow).where(DeliveryRow.webhook_id == webhook_id, DeliveryRow.due_at <= now)
    rows = list(tx.scalars(lock_unless_held(due.order_by(DeliveryRow.due_at).limit(limit))))
    ids = [row.id for row in rows]
    leased = {"due_at": now + lease, "attempt": DeliveryRow.attempt + 1}
    held = update(DeliveryRow).where(is_any_of(tx, DeliveryRow.id, ids)).values(leased)
    tx.execute(held.execution_options(synchronize_session=False))
    return sorted(rows, key=lambda row: row.id)


def _messages(tx: Transaction, webhook: WebhookRow, rows: Sequence[DeliveryRow]) -> list[Message]:
    ids = [row.event_id for row in rows if row.event_id is not None]
    events = tx.scalars(select(EventRow).where(is_any_of(tx, EventRow.id, ids)).order_by(EventRow.id)).all()
    bodies = {told.id: body_of(told) for told in deliveries_of(tx, events)}
    return [
        Message(
            delivery_id=row.id,
            attempt=row.attempt + 1,  # as it was leased; the row was read before
            failures=row.failures,
            expires_at=row.expires_at,
            message_id=message_id(webhook.token, row.event_id or row.id),
            body=bodies.get(row.event_id) if row.event_id is not None else None,
        )
        for row in rows
    ]


def _as_recorded(message: Message, answer: Answer, now: datetime) -> dict[str, Any]:
    """The parameters of the update: delivered, pending and due again, or failed for good."""
    failures, due_at = message.failures, None
    status = DeliveryStatus.DELIVERED if answer.is_taken else DeliveryStatus.FAILED
    if not answer.is_taken:
        failures += 1
        if message.body is not None and not answer.is_gone and now < message.expires_at:
            status, due_at = DeliveryStatus.PENDING, min(now + retry_wait(failures), message.expires_at)
    return {
        "key": message.delivery_id,
        "held": message.attempt,
        "new_status": status,
        "new_failures": failures,
        "new_due_at": due_at,
        "new_finished_at": now if due_at is None else None,
        "new_answer_status": answer.status,
        "new_answer": answer.text,
    }


def _as_given_back(message: Message, now: datetime) -> dict[str, Any]:
    return {"key": message.delivery_id, "held": message.attempt, "new_due_at": now}


def _record_address(tx: Transaction, done: Round, answers: Sequence[Answer], now: datetime) -> None:
    """What the last answer says of the webhook as a whole; rounds that fail side by side count as one failure."""
    if not answers:
        return
    last, row = answers[-1], WebhookRow
    of_it = update(row).where(row.id == done.webhook_id).execution_options(synchronize_session=False)
    if last.is_taken:
        tx.execute(of_it.values(failures=0, retry_at=None, message=None, delivered_at=now))
        return
    query = select(row.failures).where(row.id == done.webhook_id).with_for_update(key_share=True)
    failures = max(tx.scalar(query) or 0, done.failures + 1)
    ill = {"failures": failures, "retry_at": now + address_wait(failures), "message": last.said}
    tx.execute(of_it.values(**ill, **({"disabled_at": now} if last.is_gone else {})))
