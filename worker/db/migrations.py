"""Bring a schema to a revision, by Alembic. Loads it, which takes longer than most commands."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection


def upgrade(connection: Connection, revision: str) -> None:
    """Bring the schema up to a revision; `head` is the newest."""
    command.upgrade(_config(connection), revision)


def downgrade(connection: Connection, revision: str) -> None:
    """Take the schema back to a revision; `base` is an empty database."""
    command.downgrade(_config(connection), revision)


def migrations_folder() -> Path:
    """Where the Alembic scripts are: inside the installed package, or beside it in a checkout."""
    installed = Path(__file__).parents[1] / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "migrations"


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
