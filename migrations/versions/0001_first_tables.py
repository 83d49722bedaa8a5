"""The first tables: releases and nodes, bundles, assets, jobs and their outbox, decisions, labels."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
RUNNING = sa.text("status = 'running'")
QUEUED = sa.text("status = 'queued'")
ACTIVE = sa.text("active")


def upgrade() -> None:
    _create_taxonomy_tables()
    _create_job_tables()
    _create_result_tables()


def downgrade() -> None:
    for table in ("labels", "decisions", "outbox", "jobs", "assets", "bundles", "nodes", "releases"):
        op.drop_table(table)


def _create_taxonomy_tables() -> None:
    op.create_table(
        "releases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release", sa.String(64), nullable=False),
        sa.Column("taxonomy", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_releases"),
        sa.UniqueConstraint("release", name="uq_releases_release"),
    )
    op.create_table(
        "nodes",
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["release_id"], ["releases.id"], name="fk_nodes_release_id"),
        sa.PrimaryKeyConstraint("release_id", "node_id", name="pk_nodes"),
    )
    op.create_index("ix_nodes_release_id_name", "nodes", ["release_id", "name"])
    op.create_index("ix_nodes_release_id_path", "nodes", ["release_id", "path"])
    op.create_table(
        "bundles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["release_id"], ["releases.id"], name="fk_bundles_release_id"),
        sa.PrimaryKeyConstraint("id", name="pk_bundles"),
        sa.UniqueConstraint("model", name="uq_bundles_model"),
    )
    op.create_index(
        "uq_bundles_active", "bundles", ["active"], unique=True, sqlite_where=ACTIVE, postgresql_where=ACTIVE
    )


def _create_job_tables() -> None:
    op.create_table(
        "assets",
        sa.Column("id", BIG, nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_assets"),
        sa.UniqueConstraint("uri", name="uq_assets_uri"),
    )
    op.create_table(
        "jobs",
        sa.Column("id", BIG, nullable=False),
        sa.Column("asset_id", BIG, nullable=False),
        sa.Column("bundle_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("code", sa.String(32), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("published_at", TIME, nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name="fk_jobs_asset_id"),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundles.id"], name="fk_jobs_bundle_id"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("idempotency_key", name="uq_jobs_idempotency_key"),
    )
    op.create_index("ix_jobs_asset_id", "jobs", ["asset_id"])
    op.create_index("ix_jobs_status_id", "jobs", ["status", "id"])
    op.create_index("ix_jobs_leases", "jobs", ["lease_until"], sqlite_where=RUNNING, postgresql_where=RUNNING)
    op.create_index("ix_jobs_waiting", "jobs", ["published_at"], sqlite_where=QUEUED, postgresql_where=QUEUED)
    op.create_table(
        "outbox",
        sa.Column("id", BIG, nullable=False),
        sa.Column("job_id", BIG, nullable=False),
        sa.Column("alone", sa.Boolean(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_outbox_job_id"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("job_id", name="uq_outbox_job_id"),
    )


def _create_result_tables() -> None:
    op.create_table(
        "decisions",
        sa.Column("job_id", BIG, autoincrement=False, nullable=False),
        sa.Column("asset_id", BIG, nullable=False),
        sa.Column("node_id", sa.Text(), nullable=True),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("prediction", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name="fk_decisions_asset_id"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_decisions_job_id"),
        sa.PrimaryKeyConstraint("job_id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_asset_id", "decisions", ["asset_id"])
    op.create_table(
        "labels",
        sa.Column("asset_id", BIG, autoincrement=False, nullable=False),
        sa.Column("release_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bundle_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("on_path", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("asset_id", "release_id", "bundle_id", "node_id", name="pk_labels"),
    )
    op.create_index(
        "ix_labels_release_id_node_id_confidence_asset_id",
        "labels",
        ["release_id", "node_id", "confidence", "asset_id"],
    )
