"""Policies and their routings, lists of known content, events with the cursors of sinks, audit chains, shadows."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
FALSE = sa.text("false")
ACTIVE = sa.text("active")
SHADOW = sa.text("shadow")
IN_REVIEW = sa.text("review_queue IS NOT NULL AND NOT shadow")
UNFINISHED = sa.text("finished_at IS NULL")
APPEND_ONLY = ("audit_records", "audit_links")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("shadow", sa.Boolean(), nullable=False, server_default=FALSE))
    op.create_index("ix_jobs_shadows", "jobs", ["bundle_id", "id"], sqlite_where=SHADOW, postgresql_where=SHADOW)
    op.add_column("bundles", sa.Column("shadow", sa.Boolean(), nullable=False, server_default=FALSE))
    op.add_column("batches", sa.Column("tenant_id", sa.Integer(), nullable=False, server_default=sa.text("1")))
    op.add_column("batches", sa.Column("submitted_at", TIME, nullable=True))
    op.add_column("batches", sa.Column("finished_at", TIME, nullable=True))
    # Nobody waits to be told of the batches of before.
    op.execute("UPDATE batches SET submitted_at = created_at, finished_at = created_at")
    op.create_index("ix_batches_open", "batches", ["id"], sqlite_where=UNFINISHED, postgresql_where=UNFINISHED)
    _create_policies()
    _create_hash_lists()
    _create_events()
    _create_audit()


def downgrade() -> None:
    """Jobs, answers and labels stay; the answers of shadows go, as they would be taken for others."""
    _let_audit_change()
    for table in (
        *("audit_links", "audit_records", "sinks", "events"),
        *("hash_entries", "hash_lists", "routings", "policy_nodes", "policies"),
    ):
        op.drop_table(table)
    op.drop_index("ix_batches_open", "batches")
    for column in ("finished_at", "submitted_at", "tenant_id"):
        op.drop_column("batches", column)
    op.drop_column("bundles", "shadow")
    for statement in (
        "DELETE FROM decisions WHERE job_id IN (SELECT id FROM jobs WHERE shadow)",
        "DELETE FROM outbox WHERE job_id IN (SELECT id FROM jobs WHERE shadow)",
        "DELETE FROM jobs WHERE shadow",
    ):
        op.execute(statement)
    op.drop_index("ix_jobs_shadows", "jobs")
    op.drop_column("jobs", "shadow")


def _create_policies() -> None:
    op.create_table(
        "policies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("shadow", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("activated_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_policies"),
        sa.ForeignKeyConstraint(["release_id"], ["releases.id"], name="fk_policies_release_id"),
        sa.UniqueConstraint("tenant_id", "name", "version", name="uq_policies_tenant_id_name_version"),
    )
    op.create_index(
        "uq_policies_active",
        "policies",
        ["tenant_id", "name"],
        unique=True,
        sqlite_where=ACTIVE,
        postgresql_where=ACTIVE,
    )
    op.create_table(
        "policy_nodes",
        sa.Column("policy_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("release_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("nodes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("policy_id", "release_id", name="pk_policy_nodes"),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.id"], name="fk_policy_nodes_policy_id"),
        sa.ForeignKeyConstraint(["release_id"], ["releases.id"], name="fk_policy_nodes_release_id"),
    )
    _create_routings()


def _create_routings() -> None:
    op.create_table(
        "routings",
        sa.Column("job_id", BIG, nullable=False, autoincrement=False),
        sa.Column("policy_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("asset_id", BIG, nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("action", sa.String(8), nullable=False),
        sa.Column("review_queue", sa.String(64), nullable=True),
        sa.Column("collection", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=True),
        sa.Column("sampled", sa.Boolean(), nullable=False),
        sa.Column("shadow", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "policy_id", name="pk_routings"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_routings_job_id"),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.id"], name="fk_routings_policy_id"),
    )
    op.create_index("ix_routings_asset_id", "routings", ["asset_id"])
    op.create_index("ix_routings_policy_id_job_id", "routings", ["policy_id", "job_id"])
    op.create_index(
        "ix_routings_review_queue",
        "routings",
        ["review_queue", "priority", "job_id"],
        sqlite_where=IN_REVIEW,
        postgresql_where=IN_REVIEW,
    )


def _create_hash_lists() -> None:
    op.create_table(
        "hash_lists",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("max_distance", sa.Integer(), nullable=False),
        sa.Column("skip_model", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("entry_count", BIG, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hash_lists"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_hash_lists_tenant_id_name"),
    )
    op.create_table(
        "hash_entries",
        sa.Column("list_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("list_id", "kind", "hash", name="pk_hash_entries"),
        sa.ForeignKeyConstraint(["list_id"], ["hash_lists.id"], name="fk_hash_entries_list_id"),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("job_id", BIG, nullable=True),
        sa.Column("batch_id", BIG, nullable=True),
        sa.Column("details", sa.JSON(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_tenant_id_id", "events", ["tenant_id", "id"])
    op.create_table(
        "sinks",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("cursor", BIG, nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", TIME, nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("delivered_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_sinks"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit_records",
        sa.Column("id", BIG, nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_records"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_records_tenant_id_id", "audit_records", ["tenant_id", "id"])
    op.create_table(
        "audit_links",
        sa.Column("tenant_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("last_record_id", BIG, nullable=False),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "number", name="pk_audit_links"),
    )
    _keep_audit_as_it_is()


def _keep_audit_as_it_is() -> None:
    """Neither change nor deletion of a row, whoever asks; a database's owner can drop the trigger, and is then seen."""
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                    f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION cladist_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION cladist_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_never_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION cladist_append_only()"
        )


def _let_audit_change() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return  # triggers go with their table
    for table in APPEND_ONLY:
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        op.execute(f"DROP TRIGGER {table}_never_emptied ON {table}")
    op.execute("DROP FUNCTION cladist_append_only()")
