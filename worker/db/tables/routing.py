"""What becomes of an asset: policies, the routings they made, and lists of known content."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from worker.db.tables.base import Base, Word
from worker.states import Action

EVERY_TENANT = 0  # the tenant number of what holds for all tenants that have nothing of that name themselves


class PolicyRow(Base):
    """One version of a policy, which never changes; of one tenant and name one is active at most.

    It was checked against the nodes of `release_id`. `activated_at` says when it was activated by name; a rollback
    leaves it where it leads to, and clears it where it leads from.
    """

    __tablename__ = "policies"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name", "version"),
        Index(
            "uq_policies_active",
            "tenant_id",
            "name",
            unique=True,
            sqlite_where=text("active"),
            postgresql_where=text("active"),
        ),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer)
    document: Mapped[str] = mapped_column(Text, deferred=True)
    sha256: Mapped[str] = mapped_column(String(64))
    release_id: Mapped[int] = mapped_column(Integer, ForeignKey("releases.id"))
    active: Mapped[bool] = mapped_column(default=False)
    shadow: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(Text)
    activated_at: Mapped[datetime | None]


class PolicyNodesRow(Base):
    """What a policy calls nodes -> their ids in one release; for those that are nowhere in it, what is left of them."""

    __tablename__ = "policy_nodes"

    policy_id: Mapped[int] = mapped_column(Integer, ForeignKey("policies.id"), primary_key=True, autoincrement=False)
    release_id: Mapped[int] = mapped_column(Integer, ForeignKey("releases.id"), primary_key=True, autoincrement=False)
    nodes: Mapped[dict[str, Any]] = mapped_column(JSON)


class RoutingRow(Base):
    """What one version of a policy did with the decision of a job; a shadow's routing was only written down."""

    __tablename__ = "routings"
    __table_args__ = (
        Index(None, "asset_id"),
        Index(None, "policy_id", "job_id"),
        Index(
            "ix_routings_review_queue",
            "review_queue",
            "priority",
            "job_id",
            sqlite_where=text("review_queue IS NOT NULL AND NOT shadow"),
            postgresql_where=text("review_queue IS NOT NULL AND NOT shadow"),
        ),
    )

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), primary_key=True, autoincrement=False)
    policy_id: Mapped[int] = mapped_column(Integer, ForeignKey("policies.id"), primary_key=True, autoincrement=False)
    tenant_id: Mapped[int] = mapped_column(Integer)
    asset_id: Mapped[int]
    rule: Mapped[str | None] = mapped_column(Text)  # None: the default
    action: Mapped[Action] = mapped_column(Word(Action, 8))
    review_queue: Mapped[str | None] = mapped_column(String(64))
    collection: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[int] = mapped_column(Integer, default=0)
    tags: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    sampled: Mapped[bool] = mapped_column(default=False)  # into the audit queue
    shadow: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class HashListRow(Base):
    """A list of known content by its hashes; `version` rises with each change, so that workers load it anew."""

    __tablename__ = "hash_lists"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(64))
    max_distance: Mapped[int] = mapped_column(Integer)  # bits in which a PDQ hash may differ
    skip_model: Mapped[bool] = mapped_column(default=False)  # a match needs no prediction
    version: Mapped[int] = mapped_column(Integer, default=1)
    entry_count: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime]


class HashEntryRow(Base):
    """One hash of a list, as 64 hexadecimal digits; `kind` is sha256 or pdq."""

    __tablename__ = "hash_entries"

    list_id: Mapped[int] = mapped_column(Integer, ForeignKey("hash_lists.id"), primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
