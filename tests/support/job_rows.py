"""Jobs as the database has them."""

from collections import Counter

from sqlalchemy import select

from worker.db.engine import Database
from worker.db.tables import JobRow


def all_jobs(database: Database) -> list[JobRow]:
    """Every job, in the order of the ids."""
    with database.read() as session:
        return list(session.scalars(select(JobRow).order_by(JobRow.id)))


def statuses(database: Database) -> Counter[str]:
    """How many jobs there are of each status."""
    return Counter(job.status for job in all_jobs(database))
