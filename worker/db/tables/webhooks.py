"""Whom a tenant wants to be told by HTTP, and what was sent, or is to be sent."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from worker.db.tables.base import Base, BigId, Word
from worker.states import DeliveryStatus

_OPEN = text("due_at IS NOT NULL")
_FAILED = text("status = 'failed'")


class WebhookRow(Base):
    """An address that gets the events of one tenant; secrets are kept as they are, for it is with them that we sign.

    `old_secret` signs beside `secret` until `old_until`. `failures` counts those in a row, and `retry_at` says when an
    address that fails may be tried again. Ids are never used again.
    """

    __tablename__ = "webhooks"
    __table_args__ = (Index(None, "tenant_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    token: Mapped[str] = mapped_column(String(16))  # random: ids of messages begin with it
    tenant_id: Mapped[int] = mapped_column(Integer)
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(String(64), deferred=True)
    old_secret: Mapped[str | None] = mapped_column(String(64), deferred=True)
    old_until: Mapped[datetime | None]
    kinds: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))  # None: every kind
    node_id: Mapped[str | None] = mapped_column(Text)
    review_queue: Mapped[str | None] = mapped_column(String(64))
    after_event: Mapped[int]  # what had happened before it was added is not told
    created_at: Mapped[datetime]
    failures: Mapped[int] = mapped_column(Integer, default=0)
    retry_at: Mapped[datetime | None]
    message: Mapped[str | None] = mapped_column(Text)  # of the last failure
    delivered_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]


class DeliveryRow(Base):
    """One event for one webhook, or a test of it. Due while it is pending, and leased by being due later.

    `attempt` is never used twice: by it a worker that stood still is refused. `failures` counts since it was last asked
    for, until `expires_at`.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        Index(None, "webhook_id", "id"),
        Index("ix_webhook_deliveries_due", "webhook_id", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_webhook_deliveries_open", "webhook_id", "event_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_webhook_deliveries_failed", "webhook_id", "id", sqlite_where=_FAILED, postgresql_where=_FAILED),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    webhook_id: Mapped[int] = mapped_column(Integer, ForeignKey("webhooks.id"))
    event_id: Mapped[int | None]  # None: a test
    kind: Mapped[str] = mapped_column(String(32))
    status: Mapped[DeliveryStatus] = mapped_column(Word(DeliveryStatus, 16))
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    due_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    answer_status: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[str | None] = mapped_column(Text)  # its first 200 characters, redacted; or why there was none
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
