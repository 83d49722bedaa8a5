"""One database handle: its engine, transactions, and whether its schema is up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any, Self

from sqlalchemy import URL, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from worker.db.failures import one_line_errors
from worker.db.migration_turn import take_turn, turn_of_folder
from worker.db.tables import REVISION
from worker.db.transaction import Transaction
from worker.errors import DatabaseError

_SQLITE_WAIT_MS = 30_000
_SQLITE_OPTIONS = {
    *("cached_statements", "check_same_thread", "detect_types", "isolation_level", "timeout", "uri"),  # of the driver
    *("cache", "immutable", "mode", "modeof", "nolock", "psow", "vfs"),  # of a file: URI
}
_BACKENDS = ("sqlite", "postgresql")


class Database:
    """A database by its SQLAlchemy URL: SQLite, or PostgreSQL through psycopg 3."""

    def __init__(self, url: str, connections: int | None = None) -> None:
        """Connections: how many may be in use at once, kept open; by default what SQLAlchemy thinks right."""
        self.engine = _make_engine(url, connections)
        self.name = self.engine.url.set(query={}).render_as_string(hide_password=True)  # it may hold one
        self.tenant_id: int | None = None

    def of_tenant(self, tenant_id: int) -> Self:
        """The same database, with the same connections, in which a tenant's rows alone are seen and changed."""
        made = copy(self)
        made.tenant_id = tenant_id
        return made

    def close(self) -> None:
        """Close all idle connections."""
        self.engine.dispose()

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that keeps no change. Raises DatabaseError when there is no connection."""
        with one_line_errors(self.engine, self.name), Transaction(self.engine, self.tenant_id) as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that commits at the end, or not at all. Raises DatabaseError when there is no connection.

        On SQLite the write lock is taken at the start, so that no transaction fails half-way for want of it.
        """
        with one_line_errors(self.engine, self.name), Transaction(self.engine, self.tenant_id) as tx, tx.begin():
            tx.connection(execution_options={"cladist_begin": "IMMEDIATE"})
            yield tx

    def upgrade(self, revision: str = "head") -> None:
        """Bring the schema to a revision."""
        from worker.db import migrations  # noqa: PLC0415 (loads Alembic, which no other command needs)

        with self._migrating() as connection:
            migrations.upgrade(connection, revision)

    def downgrade(self, revision: str = "base") -> None:
        """Take the schema back to a revision."""
        from worker.db import migrations  # noqa: PLC0415 (loads Alembic, which no other command needs)

        with self._migrating() as connection:
            migrations.downgrade(connection, revision)

    @contextmanager
    def _migrating(self) -> Iterator[Connection]:
        """A transaction for the schema; processes that want one at the same time take turns.

        SQLite changes a table by making another and dropping the first, which its foreign keys would refuse; they are
        checked before the transaction commits.
        """
        engine = self.engine.execution_options(cladist_begin="IMMEDIATE")
        with (
            one_line_errors(self.engine, self.name),
            turn_of_folder(engine.url),
            engine.connect() as connection,
            _without_foreign_keys(connection),
            connection.begin(),
        ):
            take_turn(connection)
            yield connection
            if self.is_sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise DatabaseError("a row names another one that is not there", source=self.name)

    def require_upgraded(self) -> None:
        """Raise DatabaseError unless the schema is at the revision of the tables."""
        with one_line_errors(self.engine, self.name), self.engine.connect() as connection:
            known = inspect(connection).has_table("alembic_version")
            found = connection.scalar(text("SELECT version_num FROM alembic_version")) if known else None
        if found != REVISION:
            raise DatabaseError(
                f"the schema is at {found or 'no revision'}, not {REVISION}: run `cladist db upgrade`", source=self.name
            )


def open_database(url: str, connections: int | None = None) -> Database:
    """The database of a URL. Raises DatabaseError when it cannot be reached or was not upgraded."""
    database = Database(url, connections)
    try:
        database.require_upgraded()
    except DatabaseError:
        database.close()
        raise
    return database


def _make_engine(url: str, connections: int | None) -> Engine:
    if url.startswith(("postgresql://", "postgres://")):
        url = "postgresql+psycopg://" + url.partition("://")[2]
    try:
        parsed = make_url(url)
        _require_clear(parsed, url)
        pool: dict[str, Any] = {} if connections is None else {"pool_size": connections, "max_overflow": 0}
        engine = create_engine(parsed, pool_pre_ping=not url.startswith("sqlite"), **pool)  # a file does not hang up
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError):
        raise DatabaseError("CLADIST_DATABASE_URL is not a database URL (sqlite:///FILE or postgresql://...)") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _require_clear(url: URL, given: str) -> None:
    """Raise ArgumentError on other databases, and DatabaseError, which quotes no value, on options that are none.

    The latter too on a URL whose password reaches into its host or database, which errors name.
    """
    backend = url.get_backend_name()
    if backend not in _BACKENDS:
        raise ArgumentError(backend)
    is_sqlite = backend == "sqlite"
    if not is_sqlite and (given.count("@") > 1 or "@" in (url.database or "")):
        what = "not a database URL; in its user and password write / ? # @ % as %2F %3F %23 %40 %25"
        raise DatabaseError(what, source="CLADIST_DATABASE_URL")
    known = _SQLITE_OPTIONS if is_sqlite else _postgres_options()
    if unknown := sorted(set(url.query) - known):
        raise DatabaseError(f"no option of the database is called {unknown[0]!r}", source="CLADIST_DATABASE_URL")


def _postgres_options() -> set[str]:
    from psycopg.pq import Conninfo  # noqa: PLC0415 (not for SQLite)

    return {option.keyword.decode() for option in Conninfo.get_defaults()}


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite alone
    connection.execute(f"PRAGMA busy_timeout={_SQLITE_WAIT_MS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA foreign_keys=ON")


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    """On SQLite, enforce none meanwhile; it heeds that outside of any transaction only."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('cladist_begin', 'DEFERRED')}")
