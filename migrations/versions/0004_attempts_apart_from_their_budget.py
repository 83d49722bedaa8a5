"""Attempts are numbered for ever; how many of them are charged is counted apart, and whether one was made alone."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("charged", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("jobs", sa.Column("alone", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    # A job that has ended begins at 0 when it is tried again: only open ones have attempts to remember.
    op.execute("UPDATE jobs SET charged = attempt WHERE status IN ('queued', 'running') AND attempt > 0")
    # Suspects ran strictly alone before.
    op.execute("UPDATE jobs SET alone = true WHERE status = 'running' AND code IN ('worker_lost', 'internal_error')")


def downgrade() -> None:
    """Attempts stay as they are: the budget was counted by them."""
    op.execute("UPDATE jobs SET attempt = charged WHERE status = 'queued'")
    for column in ("alone", "charged"):
        op.drop_column("jobs", column)
