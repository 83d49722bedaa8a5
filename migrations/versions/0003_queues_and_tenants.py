"""Queues and tenants of jobs; an index keeps the outbox in the order of both."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
WAITING = sa.text("due_at IS NULL")
DELAYED = sa.text("due_at IS NOT NULL")
PUBLISHED = sa.text("status = 'queued' AND published_at IS NOT NULL")
QUEUED = sa.text("status = 'queued'")


def upgrade() -> None:
    _create_queues()
    _create_tenants()
    for column in ("queue_id", "tenant_id"):
        op.add_column("jobs", sa.Column(column, sa.Integer(), nullable=False, server_default=sa.text("1")))
    op.drop_index("ix_jobs_waiting", "jobs")
    op.create_index(
        "ix_jobs_published", "jobs", ["status", "published_at"], sqlite_where=PUBLISHED, postgresql_where=PUBLISHED
    )
    with op.batch_alter_table("outbox") as outbox:
        for column in ("queue_id", "tenant_id"):
            outbox.add_column(sa.Column(column, sa.Integer(), nullable=False, server_default=sa.text("1")))
        outbox.alter_column("due_at", existing_type=TIME, nullable=True)
    op.execute("UPDATE outbox SET due_at = NULL WHERE due_at <= CURRENT_TIMESTAMP")
    op.create_index(
        "ix_outbox_line",
        "outbox",
        ["queue_id", "tenant_id", "id"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_index("ix_outbox_due", "outbox", ["due_at"], sqlite_where=DELAYED, postgresql_where=DELAYED)


def downgrade() -> None:
    """Jobs stay, and forget which queue and tenant they were of."""
    op.drop_index("ix_outbox_due", "outbox")
    op.drop_index("ix_outbox_line", "outbox")
    op.execute("UPDATE outbox SET due_at = CURRENT_TIMESTAMP WHERE due_at IS NULL")
    with op.batch_alter_table("outbox") as outbox:
        outbox.alter_column("due_at", existing_type=TIME, nullable=False)
        for column in ("queue_id", "tenant_id"):
            outbox.drop_column(column)
    op.drop_index("ix_jobs_published", "jobs")
    op.create_index("ix_jobs_waiting", "jobs", ["published_at"], sqlite_where=QUEUED, postgresql_where=QUEUED)
    for column in ("queue_id", "tenant_id"):
        op.drop_column("jobs", column)
    op.drop_table("tenants")
    op.drop_table("queues")


def _create_queues() -> None:
    queues = op.create_table(
        "queues",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("rate_per_s", sa.Double(), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("refilled_at", TIME, nullable=True),
        sa.Column("served", sa.Double(), nullable=False),
        sa.Column("cursor_tenant", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_queues"),
        sa.UniqueConstraint("name", name="uq_queues_name"),
    )
    first = {"name": "default", "priority": 0, "weight": 1.0, "paused": False}
    op.bulk_insert(queues, [{**first, "tokens": 0.0, "served": 0.0, "cursor_tenant": 0}])


def _create_tenants() -> None:
    tenants = op.create_table(
        "tenants",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
        sa.UniqueConstraint("name", name="uq_tenants_name"),
    )
    op.bulk_insert(tenants, [{"name": "default"}])
