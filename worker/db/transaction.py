"""One transaction: the SQLAlchemy session together with its clock and its dialect."""

from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session


class Transaction(Session):
    """What every function that reads or writes rows takes; made by `Database.read` and `Database.write`."""

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.get_bind().dialect.name == "sqlite"

    def now(self) -> datetime:
        """The time by the database's clock, which all workers share; two readings in one transaction differ."""
        if self.is_sqlite:
            return datetime.now(UTC)
        clock: datetime = self.execute(text("SELECT clock_timestamp()")).scalar_one()
        return clock.astimezone(UTC)
