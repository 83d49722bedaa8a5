"""Alembic's entry: `cladist db upgrade` passes its connection; the alembic command makes one from the settings.

Revisions are self-contained: what they make does not change with the tables of today. Only `alembic revision` and
`alembic check` compare the database with those.
"""

from alembic import context
from sqlalchemy import Connection, MetaData


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=_wanted(), render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


def _wanted() -> MetaData | None:
    """The tables that a command compares the database with; None for one that only runs revisions."""
    typed = context.config.cmd_opts  # None where no command was typed
    if typed is None or typed.cmd[0].__name__ not in ("revision", "check"):
        return None
    from worker.db.tables import Base  # noqa: PLC0415 (running revisions needs no tables)

    return Base.metadata


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    from worker.db.engine import Database
    from worker.settings import read_settings

    with Database(read_settings().database_url).engine.begin() as made:
        _run(made)
