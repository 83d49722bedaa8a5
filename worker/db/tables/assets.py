"""What is classified, and for whom: tenants, their assets, and what was deleted."""

from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String, Text, UniqueConstraint, text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column

from worker.db.tables.base import FIRST, Base, BigId


class TenantRow(Base):
    """Whom a job is done for; the tenants of a queue take turns."""

    __tablename__ = "tenants"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(Text)


def _uri_of(context: DefaultExecutionContext) -> Any:
    return context.get_current_parameters()["uri"]  # type: ignore[no-untyped-call] # of SQLAlchemy


class AssetRow(Base):
    """A content item of a tenant, known by its name; the URI to fetch it from may change, and by default is its name.

    `content_sha256`, `pdq` (64 hexadecimal digits) and `pdq_quality` (0 to 100) are of the content decoded last.
    """

    __tablename__ = "assets"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uri: Mapped[str] = mapped_column(Text)
    tenant_id: Mapped[int] = mapped_column(Integer, default=FIRST, server_default=text("1"))
    name: Mapped[str] = mapped_column(Text, default=_uri_of)
    content_sha256: Mapped[str | None] = mapped_column(String(64))
    pdq: Mapped[str | None] = mapped_column(String(64))
    pdq_quality: Mapped[int | None] = mapped_column(Integer)


class DeletionRow(Base):
    """That an asset was deleted with all that was known of it; its name is kept as a hash only."""

    __tablename__ = "deletions"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(Integer)
    name_sha256: Mapped[str] = mapped_column(String(64))
    job_count: Mapped[int] = mapped_column(Integer)
    last_job_id: Mapped[int]  # the largest that any job had by then: SQLite would give it again
    deleted_at: Mapped[datetime]
    deleted_by: Mapped[str] = mapped_column(Text)
