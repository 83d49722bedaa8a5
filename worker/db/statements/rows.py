"""Many rows in one statement, as fast as the database takes them."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Integer, Text, any_, cast, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute

from worker.db.tables import AssetRow, Base, DeletionRow, JobRow
from worker.db.tenancy import OF_EVERY_TENANT
from worker.db.transaction import Transaction

if TYPE_CHECKING:
    import psycopg


def is_any_of(tx: Transaction, column: InstrumentedAttribute[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """`column IN values`; on PostgreSQL as one array.

    It is parsed faster than a parameter for each, and as the statement is the same for any number of values, its plan
    is kept.
    """
    if tx.is_sqlite:
        return column.in_(values)
    return column == any_(cast(list(values), ARRAY(column.type)))


def insert_into(tx: Transaction, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can say what to do ON CONFLICT, in the words of this database."""
    return sqlite.insert(table) if tx.is_sqlite else postgresql.insert(table)


def insert_rows(tx: Transaction, table: type[Base], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows in this transaction, by COPY on PostgreSQL and one prepared INSERT on SQLite.

    Values are as the database takes them: JSON as text, no zoneless time. Raises what SQLAlchemy raises of an INSERT:
    IntegrityError on a row that is there, OperationalError when the connection is lost.
    """
    connection = tx.connection()
    if tx.is_sqlite:
        _execute_many(connection, table.__tablename__, columns, rows)
    else:
        _copy(connection, table.__tablename__, columns, rows)


def stored_time(tx: Transaction, at: datetime) -> object:
    """A time as `insert_rows` takes it."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") if tx.is_sqlite else at


def stored_json(value: object) -> str | None:
    """JSON as `insert_rows` takes it."""
    return None if value is None else json.dumps(value)


def add_missing_assets(tx: Transaction, assets: Iterable[tuple[int, str, str]]) -> None:
    """Make assets, each a (tenant id, name, uri), known where they are not; on PostgreSQL by one statement.

    All transactions insert in one order, so that none waits for another in a circle.
    """
    ordered = sorted(assets)
    columns = ("tenant_id", "name", "uri")
    if tx.is_sqlite:
        rows = [dict(zip(columns, asset, strict=True)) for asset in ordered]
        tx.execute(insert_into(tx, AssetRow).on_conflict_do_nothing(), rows)
    else:
        tenants, names, uris = zip(*ordered, strict=True) if ordered else ((), (), ())
        each = select(
            func.unnest(cast(list(tenants), ARRAY(Integer))),
            func.unnest(cast(list(names), ARRAY(Text))),
            func.unnest(cast(list(uris), ARRAY(Text))),
        )
        tx.execute(insert_into(tx, AssetRow).from_select(list(columns), each).on_conflict_do_nothing())


def reserve_job_ids(tx: Transaction, count: int) -> list[int]:
    """Ids for new jobs, ascending, in one round trip; COPY cannot give back those that it makes itself."""
    if tx.is_sqlite:  # which lets nobody else write meanwhile
        last = last_job_id(tx)
        return list(range(last + 1, last + 1 + count))
    sequence = func.pg_get_serial_sequence("jobs", "id")
    return list(tx.scalars(select(func.nextval(sequence)).select_from(func.generate_series(1, count))))


def last_job_id(tx: Transaction) -> int:
    """The largest id that a job has, or had when an asset was deleted with its jobs; 0 before the first."""
    newest = select(DeletionRow.last_job_id).order_by(DeletionRow.id.desc()).limit(1)
    deleted = tx.scalar(newest, execution_options=OF_EVERY_TENANT)
    return max(tx.scalar(select(func.max(JobRow.id)), execution_options=OF_EVERY_TENANT) or 0, deleted or 0)


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
