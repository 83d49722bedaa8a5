"""Errors of the world become DatabaseError, to be tried again; bugs in our SQL stay what they are."""

from collections.abc import Iterator
from typing import cast

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from waiting import wait_until

from worker.db.engine import Database
from worker.db.failures import is_of_the_world
from worker.db.statements.rows import insert_rows
from worker.db.tables import JobRow, TenantRow
from worker.errors import DatabaseError

OF_THE_WORLD = [
    errors.ReadOnlySqlTransaction,
    errors.IdleInTransactionSessionTimeout,
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.TooManyConnections,
    errors.DiskFull,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.UndefinedColumn,
    errors.UndefinedTable,
    errors.QueryCanceled,
    errors.InsufficientPrivilege,
    errors.IoError,
    psycopg.OperationalError,
]
OURS = [errors.SyntaxError, errors.UniqueViolation, errors.DivisionByZero, errors.UndefinedFunction]


@pytest.mark.parametrize("kind", OF_THE_WORLD)
def test_what_the_world_does_is_tried_again(kind: type[psycopg.Error]) -> None:
    assert is_of_the_world(kind("x"))
    assert is_of_the_world(DBAPIError.instance("", None, kind("x"), psycopg.Error))


@pytest.mark.parametrize("kind", OURS)
def test_what_we_do_is_not(kind: type[psycopg.Error]) -> None:
    assert not is_of_the_world(kind("x"))
    assert not is_of_the_world(DBAPIError.instance("", None, kind("x"), psycopg.Error))


def test_our_own_sql_is_not_blamed_on_the_world(database: Database) -> None:
    """A syntax error on PostgreSQL is raised as it is; SQLite has one class for all, and says nothing that it hides."""
    if database.is_sqlite:
        pytest.skip("SQLite has one class for both")
    with pytest.raises(DBAPIError), database.read() as tx:
        tx.execute(text("SELEC 1"))


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Database]:
    """An upgraded database on PostgreSQL."""
    opened = Database(postgres_url)
    opened.upgrade()
    yield opened
    opened.close()


@pytest.mark.service
def test_a_server_that_became_read_only_is_the_world(postgres: Database) -> None:
    """As in a failover: whether by INSERT or by COPY, one line that names no SQL."""
    name = postgres.engine.url.database
    with postgres.write() as tx:
        tx.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    postgres.engine.dispose()
    with pytest.raises(DatabaseError, match="read-only transaction"), postgres.write() as tx:
        tx.add(TenantRow(name="x"))
    with pytest.raises(DatabaseError, match="read-only transaction"), postgres.write() as tx:
        insert_rows(tx, TenantRow, ["name"], [["y"]])


@pytest.mark.service
def test_a_transaction_that_stood_still_too_long_is_the_world(postgres: Database) -> None:
    """Its connection was ended meanwhile: so says the next statement, or the commit."""
    with pytest.raises(DatabaseError):
        _stand_still(postgres, "SELECT 1")
    with pytest.raises(DatabaseError):
        _stand_still(postgres, None)


def _stand_still(database: Database, last: str | None) -> None:
    with database.write() as tx:
        tx.execute(text("SET LOCAL idle_in_transaction_session_timeout = 1"))
        pid = cast("int", tx.scalar(text("SELECT pg_backend_pid()")))
        wait_until(lambda: not _lives(database, pid), "the server to end the connection")
        if last:
            tx.execute(text(last))


def _lives(database: Database, pid: int) -> bool:
    with database.read() as tx:
        return bool(tx.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid"), {"pid": pid}))


@pytest.mark.service
def test_a_column_that_was_migrated_away_is_the_world(postgres: Database) -> None:
    """An old worker on a new schema waits to be started anew instead of dying of it."""
    with postgres.write() as tx:
        tx.execute(text("ALTER TABLE jobs RENAME COLUMN published_at TO announced_at"))
    with pytest.raises(DatabaseError, match="does not exist"), postgres.read() as tx:
        tx.scalars(select(JobRow)).all()
