"""Alembic's entry: `cladist db upgrade` passes its connection; the alembic command makes one from the settings."""

from alembic import context

from worker.db.engine import Database
from worker.db.tables import Base
from worker.settings import read_settings


def _run(connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with Database(read_settings().database_url).engine.begin() as made:
        _run(made)
