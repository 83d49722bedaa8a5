"""Releases by name with one active each, aliases of nodes, and relabellings that move labels between releases."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
ACTIVE = sa.text("active")
MOVED = sa.text("relabelling_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("releases", sa.Column("name", sa.Text(), nullable=False, server_default="default"))
    op.add_column("releases", sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.create_index(
        "uq_releases_active", "releases", ["name"], unique=True, sqlite_where=ACTIVE, postgresql_where=ACTIVE
    )
    op.execute("UPDATE releases SET active = true WHERE id = (SELECT release_id FROM bundles WHERE active)")
    op.create_table(
        "aliases",
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["release_id"], ["releases.id"], name="fk_aliases_release_id"),
        sa.PrimaryKeyConstraint("release_id", "alias", "node_id", name="pk_aliases"),
    )
    _create_relabellings()
    op.add_column("labels", sa.Column("relabelling_id", sa.Integer(), nullable=True))
    op.create_index(
        "ix_labels_relabelling", "labels", ["relabelling_id", "asset_id"], sqlite_where=MOVED, postgresql_where=MOVED
    )


def downgrade() -> None:
    """Rows that a relabelling wrote go: the tables that say where they came from go as well."""
    op.execute("DELETE FROM labels WHERE relabelling_id IS NOT NULL")
    op.drop_index("ix_labels_relabelling", "labels")
    op.drop_column("labels", "relabelling_id")
    op.drop_table("reviews")
    op.drop_table("relabellings")
    op.drop_table("aliases")
    op.drop_index("uq_releases_active", "releases")
    op.drop_column("releases", "active")
    op.drop_column("releases", "name")


def _create_relabellings() -> None:
    op.create_table(
        "relabellings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("from_release_id", sa.Integer(), nullable=False),
        sa.Column("to_release_id", sa.Integer(), nullable=False),
        sa.Column("previous_release_id", sa.Integer(), nullable=True),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("cursor_asset_id", BIG, nullable=False),
        sa.Column("asset_count", BIG, nullable=False),
        sa.Column("label_count", BIG, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["from_release_id"], ["releases.id"], name="fk_relabellings_from_release_id"),
        sa.ForeignKeyConstraint(["to_release_id"], ["releases.id"], name="fk_relabellings_to_release_id"),
        sa.PrimaryKeyConstraint("id", name="pk_relabellings"),
    )
    op.create_table(
        "reviews",
        sa.Column("relabelling_id", sa.Integer(), nullable=False),
        sa.Column("asset_id", BIG, nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("change", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(["relabelling_id"], ["relabellings.id"], name="fk_reviews_relabelling_id"),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name="fk_reviews_asset_id"),
        sa.PrimaryKeyConstraint("relabelling_id", "asset_id", "node_id", name="pk_reviews"),
    )
