"""`cladist db`."""

import click

from worker.cli.output import print_text
from worker.db.engine import Database
from worker.settings import read_settings


@click.group()
def db() -> None:
    """Prepare the database."""


@db.command()
def upgrade() -> None:
    """Bring the schema of CLADIST_DATABASE_URL up to date."""
    database = Database(read_settings().database_url)
    database.upgrade()
    print_text(f"{database.name}: up to date")
