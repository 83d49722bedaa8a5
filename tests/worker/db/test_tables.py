"""Columns of states and codes: enums in the program, strings in the database."""

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import StatementError

from worker.db.engine import Database
from worker.db.tables import JobRow
from worker.jobs.queries import list_jobs, show_job
from worker.jobs.submission import Request, submit
from worker.states import Code, Status

pytestmark = pytest.mark.usefixtures("bundle")


def test_states_and_codes_are_members_here_and_strings_there(database: Database) -> None:
    """A row gives members; the database holds the same strings as ever, and is asked with either."""
    ((job,),) = submit(database, [Request("file:///a")])
    with database.write() as tx:
        tx.execute(update(JobRow).values(status=Status.FAILED, code=Code.ASSET_NOT_FOUND))
        assert tx.execute(text("SELECT status, code FROM jobs")).one() == ("failed", "asset_not_found")
    with database.read() as tx:
        row = tx.get_one(JobRow, job)
        assert row.status is Status.FAILED
        assert row.code is Code.ASSET_NOT_FOUND
        assert tx.scalars(select(JobRow.id).where(JobRow.status == "failed")).all() == [job]


def test_a_string_of_another_version_is_read_as_it_is(database: Database) -> None:
    """Listing and showing jobs goes on; what this version would write of it is refused."""
    ((job,),) = submit(database, [Request("file:///a")])
    with database.write() as tx:
        tx.execute(text("UPDATE jobs SET status = 'failed', code = 'of_another_age'"))
    with database.read() as tx:
        assert list_jobs(tx)[0]["code"] == "of_another_age"
        assert show_job(tx, job)["status"] == "failed"
    with pytest.raises(StatementError, match="of_another_age"), database.write() as tx:
        tx.execute(update(JobRow).values(code="of_another_age"))
