"""What was found: decisions, labels, and what moves labels to another release."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from worker.db.tables.base import Base, Word
from worker.states import RelabellingStatus


class DecisionRow(Base):
    """The decision of a job that succeeded, and the whole prediction as every interface shows it."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index(None, "asset_id"),
        Index(
            "ix_decisions_content_sha256",
            "content_sha256",
            "job_id",
            sqlite_where=text("content_sha256 IS NOT NULL"),
            postgresql_where=text("content_sha256 IS NOT NULL"),
        ),
    )

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), primary_key=True, autoincrement=False)
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id"))
    node_id: Mapped[str | None] = mapped_column(Text)
    level: Mapped[int] = mapped_column(Integer)
    confidence: Mapped[float]
    reason: Mapped[str] = mapped_column(Text)
    prediction: Mapped[dict[str, Any]] = mapped_column(JSON)
    content_sha256: Mapped[str | None] = mapped_column(String(64))  # of what was decided on


class LabelRow(Base):
    """A node of an asset with its confidence, ancestors included, so that "all under X" is one index range.

    `bundle_id` is HUMAN for labels of people, which no model overwrites; `relabelling_id` says what moved a row here
    from another release. No foreign keys: this is the table with hundreds of millions of rows, and it is only written
    together with rows that have them.
    """

    __tablename__ = "labels"
    __table_args__ = (
        Index(None, "release_id", "node_id", "confidence", "asset_id"),
        Index(
            "ix_labels_relabelling",
            "relabelling_id",
            "asset_id",
            sqlite_where=text("relabelling_id IS NOT NULL"),
            postgresql_where=text("relabelling_id IS NOT NULL"),
        ),
    )

    asset_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    release_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    bundle_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    node_id: Mapped[str] = mapped_column(Text, primary_key=True)
    level: Mapped[int] = mapped_column(Integer)
    confidence: Mapped[float]
    on_path: Mapped[bool]
    source: Mapped[str] = mapped_column(String(8))
    relabelling_id: Mapped[int | None] = mapped_column(Integer)


class RelabellingRow(Base):
    """The move of all stored labels from one release to another; `cursor_asset_id` is how far it has come."""

    __tablename__ = "relabellings"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    from_release_id: Mapped[int] = mapped_column(Integer, ForeignKey("releases.id"))
    to_release_id: Mapped[int] = mapped_column(Integer, ForeignKey("releases.id"))
    previous_release_id: Mapped[int | None] = mapped_column(Integer)  # what was active before it was applied
    mapping: Mapped[str] = mapped_column(Text)
    status: Mapped[RelabellingStatus] = mapped_column(Word(RelabellingStatus, 16))
    cursor_asset_id: Mapped[int] = mapped_column(default=0)
    asset_count: Mapped[int] = mapped_column(default=0)
    label_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ReviewRow(Base):
    """An asset that a relabelling could not carry to where it was: it lost its node, by a split or a removal."""

    __tablename__ = "reviews"

    relabelling_id: Mapped[int] = mapped_column(Integer, ForeignKey("relabellings.id"), primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id"), primary_key=True)
    node_id: Mapped[str] = mapped_column(Text, primary_key=True)
    change: Mapped[str] = mapped_column(String(16))
