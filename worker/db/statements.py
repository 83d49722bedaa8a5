"""Many rows in one statement, as fast as the database takes them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, any_, cast
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute, Session

from worker.db.tables import Base

if TYPE_CHECKING:
    import psycopg


def is_any_of(session: Session, column: InstrumentedAttribute[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """`column IN values`; on PostgreSQL as one array.

    It is parsed faster than a parameter for each, and as the statement is the same for any number of values, its plan
    is kept.
    """
    if session.get_bind().dialect.name == "sqlite":
        return column.in_(values)
    return column == any_(cast(list(values), ARRAY(column.type)))


def insert_rows(session: Session, table: type[Base], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows in the session's transaction, by COPY on PostgreSQL and one prepared INSERT on SQLite.

    Values are as the database takes them: JSON as text, no zoneless time. Raises what SQLAlchemy raises of an INSERT:
    IntegrityError on a row that is there, OperationalError when the connection is lost.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        _execute_many(connection, table.__tablename__, columns, rows)
    else:
        _copy(connection, table.__tablename__, columns, rows)


def _execute_many(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    values = [tuple(row) for row in rows]
    if values:
        places = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", values)  # noqa: S608 (names of ours)


def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment] # by the dialect
    failure = connection.dialect.loaded_dbapi.Error  # psycopg.Error, without importing psycopg where SQLite is used
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except failure as error:
        raise DBAPIError.instance(statement, None, error, failure, dialect=connection.dialect) from error
