"""The plans of what a piece of code asks of the database."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import event, text

from worker.db.engine import Database


def asked(database: Database, action: Callable[[], object]) -> list[tuple[str, Any]]:
    """The statements of an action with their parameters; those that only look, and INSERTs."""
    found: list[tuple[str, Any]] = []

    def listen(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        found.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", listen)
    action()
    event.remove(database.engine, "before_cursor_execute", listen)
    return [(said, values) for said, values in found if said.lstrip().startswith(("SELECT", "WITH", "INSERT"))]


def explained(database: Database, action: Callable[[], object], *, seqscan: bool = True) -> list[tuple[str, list[str]]]:
    """The plan of each of these statements; without `seqscan` PostgreSQL scans no table that has an index."""
    statements = asked(database, action)
    how = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.engine.connect() as connection:
        if not (seqscan or database.is_sqlite):
            connection.exec_driver_sql("SET enable_seqscan = off")
        return [
            (said, [str(row[-1]) for row in connection.exec_driver_sql(f"{how} {said}", values)])
            for said, values in statements
        ]


def analyse(database: Database) -> None:
    """Let the planner know how the tables are filled."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
