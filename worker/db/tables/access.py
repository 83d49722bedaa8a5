"""Who may ask over HTTP: keys, and the answers that a repeated request gets again."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from worker.db.tables.base import Base


class KeyRow(Base):
    """A key of one tenant, kept as its SHA-256; `tokens` is what its rate allowed at `refilled_s` (Unix time).

    Ids are never used again, as audit records name them.
    """

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "tenant_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(Integer, ForeignKey("tenants.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[str] = mapped_column(String(64))  # by commas
    rate_per_s: Mapped[float | None]  # None: any number of requests
    tokens: Mapped[float] = mapped_column(default=0.0)
    refilled_s: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(Text)
    rotated_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]  # to a minute


class AnswerRow(Base):
    """What was answered to a POST with an `Idempotency-Key`; `status` is None while the answer is being made.

    `claimed_at`: when somebody began to make it. `token` is the same for all who try.
    """

    __tablename__ = "api_answers"
    __table_args__ = (Index(None, "begun_at"),)

    tenant_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    token: Mapped[str] = mapped_column(String(32))
    begun_at: Mapped[datetime]
    claimed_at: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(Integer)
    body: Mapped[str | None] = mapped_column(Text)
