"""Keys of the HTTP API and its answers to repeated requests; idempotency keys of jobs are each tenant's own."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
# Of jobs of several tenants with one key the oldest keeps it: before, a key was of one job only.
FORGET_SHARED_KEYS = """
    UPDATE jobs SET idempotency_key = NULL
    WHERE EXISTS (SELECT 1 FROM jobs AS older
                  WHERE older.idempotency_key = jobs.idempotency_key AND older.id < jobs.id)
"""


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_constraint("uq_jobs_idempotency_key", type_="unique")
        jobs.create_unique_constraint("uq_jobs_tenant_id_idempotency_key", ["tenant_id", "idempotency_key"])
    op.create_index("ix_jobs_tenant_id_id", "jobs", ["tenant_id", "id"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String(64), nullable=False),
        sa.Column("rate_per_s", sa.Double(), nullable=True),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("refilled_s", sa.Double(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("rotated_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("used_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_api_keys_tenant_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_api_keys_tenant_id", "api_keys", ["tenant_id"])
    op.create_table(
        "api_answers",
        sa.Column("tenant_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("begun_at", TIME, nullable=False),
        sa.Column("claimed_at", TIME, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "key", name="pk_api_answers"),
    )
    op.create_index("ix_api_answers_begun_at", "api_answers", ["begun_at"])


def downgrade() -> None:
    """Keys of the API are forgotten; jobs stay, and of several with one idempotency key the oldest keeps it."""
    op.drop_table("api_answers")
    op.drop_table("api_keys")
    op.drop_index("ix_jobs_tenant_id_id", "jobs")
    op.execute(FORGET_SHARED_KEYS)
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_constraint("uq_jobs_tenant_id_idempotency_key", type_="unique")
        jobs.create_unique_constraint("uq_jobs_idempotency_key", ["idempotency_key"])
