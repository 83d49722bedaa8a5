"""What others are told and what is proved later: events with the cursors of their sinks, and the audit chains."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from worker.db.tables.base import Base, BigId, Word
from worker.states import EventKind


class EventRow(Base):
    """Something that happened, written with it in one transaction. It names rows: what a sink gets is read of them.

    Ids are never used again, also on SQLite, as cursors would pass over them.
    """

    __tablename__ = "events"
    __table_args__ = (Index(None, "tenant_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[EventKind] = mapped_column(Word(EventKind, 32))
    tenant_id: Mapped[int] = mapped_column(Integer)
    job_id: Mapped[int | None]
    batch_id: Mapped[int | None]
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]


class SinkRow(Base):
    """How far a sink has read the events; whoever holds the lease delivers."""

    __tablename__ = "sinks"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    cursor: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(Integer, default=0)  # in a row
    retry_at: Mapped[datetime | None]
    message: Mapped[str | None] = mapped_column(Text)  # of the last failure
    delivered_at: Mapped[datetime | None]


class AuditRecordRow(Base):
    """One record of an audit chain; `content` is canonical JSON, `hash` its SHA-256. Never changed, never deleted."""

    __tablename__ = "audit_records"
    __table_args__ = (Index(None, "tenant_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(32))
    content: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(String(64))


class AuditLinkRow(Base):
    """A link of a tenant's chain: the hash of the link before it and of the records from there up to the last one."""

    __tablename__ = "audit_links"

    tenant_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)  # 1, 2, ...
    last_record_id: Mapped[int]
    record_count: Mapped[int] = mapped_column(Integer)
    hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
