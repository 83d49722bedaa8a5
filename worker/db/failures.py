"""Which errors of a database are the world's, to be tried again, and which are bugs of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError as SqlDatabaseError
from sqlalchemy.exc import DBAPIError, OperationalError, PendingRollbackError, ResourceClosedError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from taxonomy.errors import first_line
from worker.errors import ConflictError, DatabaseError

# SQLSTATE of PostgreSQL (appendix A of its manual): classes, and single conditions of classes that are ours otherwise.
_WORLD_CLASSES = (
    "08",  # connection exception
    "28",  # invalid authorization
    "3D",  # no such database
    "40",  # transaction rollback: deadlock, serialization failure
    "53",  # insufficient resources: disk full, out of memory, too many connections
    "55",  # object not in prerequisite state: lock not available
    "57",  # operator intervention: shutdown, cannot connect now, query cancelled
    "58",  # system error: I/O
    "F0",  # configuration file error
    "XX",  # internal error: corrupted data or index
)
_CONFLICTS = ("40001", "40P01")  # serialization failure, deadlock
_WORLD_CONDITIONS = (
    "0A000",  # a cached plan must not change its result type: a table was migrated under a running worker
    "25006",  # read-only transaction: a failover is under way
    "25P03",  # idle-in-transaction timeout: this process stood still
    "25P04",  # transaction timeout
    "42501",  # insufficient privilege
    "42703",  # undefined column, and below undefined table: the schema is not the one that this worker was written for
    "42P01",
)


def is_of_the_world(error: BaseException) -> bool:
    """Whether to try again is right: the connection, the server, its disk or its schema is to blame, not our SQL.

    error: of SQLAlchemy, or of a driver.
    """
    if isinstance(error, PoolTimeoutError):  # all connections of the pool are in use
        return True
    driver: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(driver, "sqlstate", None)
    if state is not None:
        return state.startswith(_WORLD_CLASSES) or state in _WORLD_CONDITIONS
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or type(error) in (OperationalError, SqlDatabaseError)
    return type(error).__name__ == "OperationalError"


@contextmanager
def one_line_errors(engine: Engine, name: str) -> Iterator[None]:
    """Turn every error of the world into a DatabaseError of one line; bugs in our own SQL stay what they are."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        if not is_of_the_world(error):
            raise
        raise _kind(error)(first_line(_said(error)), source=name) from error
    except (PendingRollbackError, ResourceClosedError) as error:
        if error.__context__ is None or not is_of_the_world(error.__context__):
            raise  # nothing was lost before: a transaction of ours was used after its end
        raise DatabaseError(first_line(error.__context__), source=name) from error
    except Exception as error:
        if not _is_of_the_driver(error, engine) or not is_of_the_world(error):
            raise
        raise _kind(error)(first_line(error), source=name) from error


def _kind(error: Exception) -> type[DatabaseError]:
    driver = error.orig if isinstance(error, DBAPIError) else error
    return ConflictError if getattr(driver, "sqlstate", None) in _CONFLICTS else DatabaseError


def _said(error: DBAPIError | PoolTimeoutError) -> BaseException:
    return (error.orig or error) if isinstance(error, DBAPIError) else error


def _is_of_the_driver(error: Exception, engine: Engine) -> bool:
    """An error that SQLAlchemy has not wrapped, as a COPY or a rollback raises it."""
    driver: Any = engine.dialect.loaded_dbapi
    return isinstance(error, driver.Error)
