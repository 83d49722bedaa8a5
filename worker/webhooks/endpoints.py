"""The webhooks of tenants: added, listed, shown, given new secrets, removed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import undefer

from classifier.errors import AssetError
from worker.catalog.nodes import find_node
from worker.catalog.serving import active_bundle, serving_release
from worker.db.engine import Database
from worker.db.statements.rows import insert_into, is_any_of
from worker.db.tables import DeliveryRow, EventRow, SinkRow, TenantRow, WebhookRow
from worker.db.transaction import Transaction
from worker.dispatch.queues import tenant_number
from worker.errors import LookupFailedError, WebhookError
from worker.settings import Settings
from worker.states import EventKind
from worker.telemetry.redaction import redacted_uri
from worker.webhooks.post import checked_url, webhook_gate
from worker.webhooks.signing import Signer, new_secret, new_token

CURSOR = "webhooks"  # the name in `sinks` of how far events were given to webhooks

_OLD_FOR = timedelta(hours=24)
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events of its tenant a webhook gets: of these kinds, decided under this node, routed to this queue.

    What is empty or None asks for nothing. node: as `find_node` takes it, in the release that answers are given in.
    """

    kinds: Sequence[EventKind] = ()
    node: str | None = None
    review_queue: str | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """A webhook with its secret, which is given once."""

    id: int
    secret: str = field(repr=False)


def add_webhook(tx: Transaction, url: str, tenant: str, wanted: Wanted, settings: Settings) -> Registered:
    """Send a tenant's events to an address from now on. Raises WebhookError, LookupFailedError, SubmissionError."""
    _require_allowed(checked_url(url).host, settings)
    newest = tx.scalar(select(EventRow.id).order_by(EventRow.id.desc()).limit(1)) or 0
    row = WebhookRow(
        token=new_token(),
        tenant_id=tenant_number(tx, tenant),
        url=url,
        secret=new_secret(),
        kinds=sorted(set(wanted.kinds)) or None,
        node_id=_node_id(tx, wanted.node) if wanted.node is not None else None,
        review_queue=wanted.review_queue,
        after_event=newest,
        created_at=tx.now(),
    )
    tx.add(row)
    tx.flush()
    begin_at(tx, newest)
    return Registered(row.id, row.secret)


def begin_at(tx: Transaction, cursor: int) -> None:
    """Let events after this one be given to webhooks, unless that has begun."""
    fresh = {"name": CURSOR, "cursor": cursor, "failures": 0}
    tx.execute(insert_into(tx, SinkRow).values(fresh).on_conflict_do_nothing())


def find_webhook(tx: Transaction, webhook_id: int, tenant: str | None = None) -> WebhookRow:
    """A webhook, of one tenant where one is named. Raises LookupFailedError."""
    query = select(WebhookRow).where(WebhookRow.id == webhook_id)
    if tenant is not None:
        query = query.where(WebhookRow.tenant_id.in_(select(TenantRow.id).where(TenantRow.name == tenant)))
    row = tx.scalar(query)
    if row is None:
        raise LookupFailedError(f"no webhook has the id {webhook_id}")
    return row


def list_webhooks(tx: Transaction, tenant: str | None = None) -> list[dict[str, Any]]:
    """All webhooks, or those of a tenant, without secrets."""
    query = select(WebhookRow, TenantRow.name).join(TenantRow, TenantRow.id == WebhookRow.tenant_id)
    if tenant is not None:
        query = query.where(TenantRow.name == tenant)
    return [_as_dict(*row) for row in tx.execute(query.order_by(WebhookRow.id))]


def show_webhook(tx: Transaction, webhook_id: int, tenant: str | None = None) -> dict[str, Any]:
    """One of them, and how long its first delivery waits. Raises LookupFailedError."""
    row = find_webhook(tx, webhook_id, tenant)
    name = tx.scalar(select(TenantRow.name).where(TenantRow.id == row.tenant_id)) or ""
    lag_s = read_webhook_lags(tx, row.id).get(row.id, 0.0)
    return {**_as_dict(row, name), "lag_s": round(lag_s, 1)}


def rotate_secret(tx: Transaction, webhook_id: int, tenant: str | None = None) -> Registered:
    """A new secret; the one of before signs beside it for 24 h. Raises LookupFailedError."""
    row = find_webhook(tx, webhook_id, tenant)
    tx.refresh(row, ["secret", "old_secret"], with_for_update=True)
    row.secret, row.old_secret, row.old_until = new_secret(), row.secret, tx.now() + _OLD_FOR
    return Registered(row.id, row.secret)


def forget_old_secrets(tx: Transaction) -> None:
    """Clear secrets that sign no more."""
    is_over = WebhookRow.old_until < tx.now()
    tx.execute(update(WebhookRow).where(is_over).values(old_secret=None, old_until=None))


def find_signer(tx: Transaction, webhook_id: int, now: datetime) -> Signer:
    """What signs for a webhook now. Raises LookupFailedError."""
    options = undefer(WebhookRow.secret), undefer(WebhookRow.old_secret)
    row = tx.scalar(select(WebhookRow).where(WebhookRow.id == webhook_id).options(*options))
    if row is None:
        raise LookupFailedError(f"no webhook has the id {webhook_id}")
    if row.old_secret is None or row.old_until is None or row.old_until <= now:
        return Signer([row.secret])
    return Signer([row.secret, row.old_secret])


def remove_webhook(database: Database, webhook_id: int, tenant: str | None = None) -> None:
    """Forget a webhook with all its deliveries, piece by piece. Raises LookupFailedError."""
    with database.write() as tx:
        row = find_webhook(tx, webhook_id, tenant)
        row.disabled_at = tx.now()
    while True:
        with database.write() as tx:
            tx.execute(select(WebhookRow.id).where(WebhookRow.id == webhook_id).with_for_update()).all()
            first = select(DeliveryRow.id).where(DeliveryRow.webhook_id == webhook_id).limit(_PAGE)
            found = tx.scalars(first).all()
            tx.execute(delete(DeliveryRow).where(is_any_of(tx, DeliveryRow.id, found)))
            if len(found) < _PAGE:
                tx.execute(delete(WebhookRow).where(WebhookRow.id == webhook_id))
                return


def read_webhook_lags(tx: Transaction, webhook_id: int | None = None) -> dict[int, float]:
    """By webhook, how long its first delivery has been waiting, in seconds; 0 where none is."""
    first = (
        select(DeliveryRow.created_at)
        .where(DeliveryRow.webhook_id == WebhookRow.id, DeliveryRow.due_at.is_not(None))
        .order_by(DeliveryRow.event_id)
        .limit(1)
        .scalar_subquery()
    )
    query = select(WebhookRow.id, first).where(WebhookRow.disabled_at.is_(None))
    if webhook_id is not None:
        query = query.where(WebhookRow.id == webhook_id)
    now = tx.now()
    rows: list[tuple[int, datetime | None]] = [(row[0], row[1]) for row in tx.execute(query)]
    return {number: max(0.0, (now - at).total_seconds()) if at is not None else 0.0 for number, at in rows}


def has_webhooks(tx: Transaction) -> bool:
    """Whether there are any."""
    return bool(tx.scalar(select(func.count()).select_from(select(WebhookRow.id).limit(1).subquery())))


def _require_allowed(host: str, settings: Settings) -> None:
    """Refuse at once an address in place of a name that would be refused each time; raises WebhookError."""
    gate = webhook_gate(settings)
    try:
        is_allowed = gate.allows(ip_address(host))
    except ValueError:
        try:
            is_allowed = gate.literal(host) is None
        except AssetError as error:
            raise WebhookError(str(error)) from None
    if not is_allowed:
        raise WebhookError(f"the address is not public, and {gate.setting} does not allow it")


def _node_id(tx: Transaction, node: str) -> str:
    return find_node(tx, serving_release(tx, active_bundle(tx).id).id, node).node_id


def _as_dict(row: WebhookRow, tenant: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "tenant": tenant,
        "url": redacted_uri(row.url),
        "events": row.kinds or [],
        "under": row.node_id,
        "queue": row.review_queue,
        "created_at": row.created_at.isoformat(),
        "old_secret_until": row.old_until.isoformat() if row.old_until else None,
        "failures": row.failures,
        "message": row.message,
        "retry_at": row.retry_at.isoformat() if row.retry_at else None,
        "delivered_at": row.delivered_at.isoformat() if row.delivered_at else None,
        "disabled_at": row.disabled_at.isoformat() if row.disabled_at else None,
    }
