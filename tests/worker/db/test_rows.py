"""Many rows at once, on both databases."""

from collections.abc import Iterator

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from worker.db.engine import Database
from worker.db.statements.rows import insert_rows
from worker.db.tables import AssetRow, LabelRow
from worker.errors import DatabaseError

COLUMNS = ("asset_id", "release_id", "bundle_id", "source", "node_id", "level", "confidence", "on_path")


def label(asset: int, node: str = "n") -> tuple[object, ...]:
    return asset, 1, 1, "model", node, 1, 0.1 + 0.2, False


def uris(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(AssetRow.uri).order_by(AssetRow.id)))


def test_rows_come_back_as_they_went_in(database: Database) -> None:
    """Text that means something to COPY, floats to the last bit, booleans, and None."""
    nodes = ["tab\there", "line\nbreak\r", "\\N", "\\.", "back\\slash", "", "ünï → 木", "'; DROP TABLE labels; --"]
    with database.write() as session:
        insert_rows(session, LabelRow, COLUMNS, (label(1, node) for node in nodes))
    with database.read() as session:
        rows = session.scalars(select(LabelRow)).all()
        assert sorted(row.node_id for row in rows) == sorted(nodes)
        assert {(row.confidence, row.on_path, row.relabelling_id) for row in rows} == {(0.1 + 0.2, False, None)}


def test_no_rows_are_no_statement_that_fails(database: Database) -> None:
    with database.write() as session:
        insert_rows(session, AssetRow, ("id", "name", "uri"), [])
    assert uris(database) == []


def test_a_row_that_is_there_takes_all_back(database: Database) -> None:
    """An IntegrityError, as of any INSERT; neither the rows before it nor the rest of the transaction stay."""
    with database.write() as session:
        insert_rows(session, AssetRow, ("id", "name", "uri"), [(1, "a", "a")])

    def write() -> None:
        with database.write() as session:
            session.execute(insert(AssetRow), {"uri": "b"})
            insert_rows(session, AssetRow, ("id", "name", "uri"), [(7, "c", "c"), (8, "a", "a")])

    with pytest.raises(IntegrityError):
        write()
    assert uris(database) == ["a"]


def test_an_error_while_rows_are_made_is_told_as_it_is(database: Database) -> None:
    """A bug in what makes the rows is no database error, and nothing is written."""

    def rows() -> Iterator[tuple[object, ...]]:
        yield 1, "a", "a"
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError), database.write() as session:
        insert_rows(session, AssetRow, ("id", "name", "uri"), rows())
    assert uris(database) == []


@pytest.mark.service
def test_a_connection_lost_on_the_way_is_a_database_error(postgres_url: str) -> None:
    """The world's fault, in one line, as everywhere else; the next transaction gets a connection that works."""
    database = Database(postgres_url)
    database.upgrade()

    def cut(pid: int | None) -> Iterator[tuple[object, ...]]:
        yield 1, "a", "a"
        with database.write() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        yield from ((number, *["x" * 1000 + str(number)] * 2) for number in range(2, 20_000))

    def write() -> None:
        with database.write() as session:
            insert_rows(session, AssetRow, ("id", "name", "uri"), cut(session.scalar(text("SELECT pg_backend_pid()"))))

    with pytest.raises(DatabaseError):
        write()
    assert uris(database) == []
    database.close()
