"""The work: queues, batches, jobs, and the outbox that they are published from."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from worker.db.tables.base import FIRST, Base, BigId, Word
from worker.states import Code, Status


class QueueRow(Base):
    """A queue of jobs and how it is published: `served` and `cursor_tenant` say whose turn it is, `tokens` its rate.

    Queues are never deleted: jobs name them by number, without a foreign key.
    """

    __tablename__ = "queues"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    priority: Mapped[int] = mapped_column(Integer, default=0)  # the highest first
    weight: Mapped[float] = mapped_column(default=1.0)  # its share among queues of one priority
    rate_per_s: Mapped[float | None]  # jobs published in a second at most; None: any number
    paused: Mapped[bool] = mapped_column(default=False)
    tokens: Mapped[float] = mapped_column(default=0.0)  # what the rate allowed until `refilled_at`
    refilled_at: Mapped[datetime | None]
    served: Mapped[float] = mapped_column(default=0.0)  # jobs published, over the weight
    cursor_tenant: Mapped[int] = mapped_column(Integer, default=0)  # the tenant published last


class BatchRow(Base):
    """The jobs of one submission, counted as they are submitted. Batches are never deleted.

    `submitted_at` is set with the last job of it; `finished_at` when its end was told,
    until one of its jobs is retried.
    """

    __tablename__ = "batches"
    __table_args__ = (
        Index(
            "ix_batches_open",
            "id",
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    created_at: Mapped[datetime]
    job_count: Mapped[int] = mapped_column(default=0)
    tenant_id: Mapped[int] = mapped_column(Integer, default=FIRST, server_default=text("1"))
    submitted_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class JobRow(Base):
    """Durable work on one asset; `attempt` fences the writes of a worker that lost its lease, and never goes back."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "ix_jobs_leases",
            "lease_until",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        Index(
            "ix_jobs_published",
            "status",
            "published_at",
            sqlite_where=text("status = 'queued' AND published_at IS NOT NULL"),
            postgresql_where=text("status = 'queued' AND published_at IS NOT NULL"),
        ),
        Index(None, "status", "id"),
        Index(None, "asset_id"),
        Index("ix_jobs_shadows", "bundle_id", "id", sqlite_where=text("shadow"), postgresql_where=text("shadow")),
        Index(None, "tenant_id", "id"),
        UniqueConstraint("tenant_id", "idempotency_key"),
        Index(
            "ix_jobs_batch_id_id",
            "batch_id",
            "id",
            sqlite_where=text("batch_id IS NOT NULL"),
            postgresql_where=text("batch_id IS NOT NULL"),
        ),
        Index(
            "ix_jobs_batch_id_status",
            "batch_id",
            "status",
            "finished_at",
            sqlite_where=text("batch_id IS NOT NULL"),
            postgresql_where=text("batch_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id"))
    bundle_id: Mapped[int] = mapped_column(Integer, ForeignKey("bundles.id"))
    status: Mapped[Status] = mapped_column(Word(Status, 16), default=Status.QUEUED)
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    charged: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))  # attempts, of its budget
    alone: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # how the last attempt was made
    idempotency_key: Mapped[str | None] = mapped_column(Text)  # of the tenant
    worker: Mapped[str | None] = mapped_column(Text)
    code: Mapped[Code | None] = mapped_column(Word(Code, 32))
    message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    queue_id: Mapped[int] = mapped_column(Integer, default=FIRST, server_default=text("1"))
    tenant_id: Mapped[int] = mapped_column(Integer, default=FIRST, server_default=text("1"))
    batch_id: Mapped[int | None]
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSON(none_as_null=True))  # the submitter's
    shadow: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # answers of it act on nothing


class OutboxRow(Base):
    """A job that is to be published; `alone` sends it in a message of its own, to isolate what kills a worker.

    With a `due_at` it waits until then; without one it is due. An index keeps those that are due in the order of queue,
    tenant and id, so that nothing is sorted to find who is next.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("job_id"),
        Index(
            "ix_outbox_line",
            "queue_id",
            "tenant_id",
            "id",
            sqlite_where=text("due_at IS NULL"),
            postgresql_where=text("due_at IS NULL"),
        ),
        Index(
            "ix_outbox_due",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"))
    alone: Mapped[bool]
    due_at: Mapped[datetime | None]
    queue_id: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    tenant_id: Mapped[int] = mapped_column(Integer, server_default=text("1"))
