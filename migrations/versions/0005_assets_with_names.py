"""Assets have a tenant, a name and hashes of their content; jobs a batch and metadata; deletions are recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
IN_BATCH = sa.text("batch_id IS NOT NULL")
WITH_CONTENT = sa.text("content_sha256 IS NOT NULL")

# An asset is of the tenant that its newest job was for. Addresses were unique, so names are.
NAME_ASSETS = """
    UPDATE assets SET name = uri, tenant_id = COALESCE(
        (SELECT tenant_id FROM jobs WHERE jobs.asset_id = assets.id ORDER BY jobs.id DESC LIMIT 1), 1)
"""
# Of several assets with one address the oldest keeps it; the others get their number behind it.
TELL_ADDRESSES_APART = """
    UPDATE assets SET uri = uri || '#' || id
    WHERE EXISTS (SELECT 1 FROM assets AS older WHERE older.uri = assets.uri AND older.id < assets.id)
"""


def upgrade() -> None:
    _create_tables()
    op.add_column("jobs", sa.Column("batch_id", BIG, nullable=True))
    op.add_column("jobs", sa.Column("metadata", sa.JSON(), nullable=True))
    for name, columns in (
        ("ix_jobs_batch_id_id", ["batch_id", "id"]),
        ("ix_jobs_batch_id_status", ["batch_id", "status", "finished_at"]),
    ):
        op.create_index(name, "jobs", columns, sqlite_where=IN_BATCH, postgresql_where=IN_BATCH)
    op.add_column("decisions", sa.Column("content_sha256", sa.String(64), nullable=True))
    op.create_index(
        "ix_decisions_content_sha256",
        "decisions",
        ["content_sha256", "job_id"],
        sqlite_where=WITH_CONTENT,
        postgresql_where=WITH_CONTENT,
    )
    op.add_column("assets", sa.Column("tenant_id", sa.Integer(), nullable=False, server_default=sa.text("1")))
    op.add_column("assets", sa.Column("name", sa.Text(), nullable=True))
    op.execute(NAME_ASSETS)
    with op.batch_alter_table("assets") as assets:
        assets.alter_column("name", existing_type=sa.Text(), nullable=False)
        assets.drop_constraint("uq_assets_uri", type_="unique")
        assets.create_unique_constraint("uq_assets_tenant_id_name", ["tenant_id", "name"])
        assets.add_column(sa.Column("content_sha256", sa.String(64), nullable=True))
        assets.add_column(sa.Column("pdq", sa.String(64), nullable=True))
        assets.add_column(sa.Column("pdq_quality", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Assets stay, known by their address again; names, hashes, batches, metadata and deletions are forgotten."""
    op.execute(TELL_ADDRESSES_APART)
    with op.batch_alter_table("assets") as assets:
        assets.drop_constraint("uq_assets_tenant_id_name", type_="unique")
        for column in ("pdq_quality", "pdq", "content_sha256", "name", "tenant_id"):
            assets.drop_column(column)
        assets.create_unique_constraint("uq_assets_uri", ["uri"])
    op.drop_index("ix_decisions_content_sha256", "decisions")
    op.drop_column("decisions", "content_sha256")
    for index in ("ix_jobs_batch_id_status", "ix_jobs_batch_id_id"):
        op.drop_index(index, "jobs")
    for column in ("metadata", "batch_id"):
        op.drop_column("jobs", column)
    op.drop_table("deletions")
    op.drop_table("batches")


def _create_tables() -> None:
    op.create_table(
        "batches",
        sa.Column("id", BIG, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("job_count", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
    )
    op.create_table(
        "deletions",
        sa.Column("id", BIG, nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("name_sha256", sa.String(64), nullable=False),
        sa.Column("job_count", sa.Integer(), nullable=False),
        sa.Column("last_job_id", BIG, nullable=False),
        sa.Column("deleted_at", TIME, nullable=False),
        sa.Column("deleted_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deletions"),
    )
