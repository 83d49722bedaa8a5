"""The schema, and databases that cannot be used."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from fake_broker import Broker, relay
from sqlalchemy import inspect, select, text

from worker.db.engine import Database, open_database
from worker.db.migrations import migrations_folder
from worker.db.tables import REVISION, Base, OutboxRow
from worker.errors import DatabaseError
from worker.jobs.queries import list_jobs
from worker.settings import Settings


def test_the_migrations_make_just_the_tables_of_the_orm(database: Database) -> None:
    """Alembic finds no difference between the upgraded schema and the metadata."""
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_the_tables_name_the_newest_migration() -> None:
    """A database is upgraded when it is at the revision that `worker.db.tables` names; Alembic knows the newest."""
    assert ScriptDirectory(str(migrations_folder())).get_current_head() == REVISION


def test_an_older_schema_is_refused(settings: Settings) -> None:
    """The message names both revisions."""
    database = Database(settings.database_url)
    database.upgrade("0001")
    with pytest.raises(DatabaseError, match=f"schema is at 0001, not {REVISION}"):
        database.require_upgraded()
    database.close()


def test_downgrade_leaves_nothing_and_upgrade_works_again(database: Database) -> None:
    """Down to the base no table of ours is left; up again the database can be used."""
    database.downgrade()
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}
    database.upgrade()
    database.require_upgraded()


def test_a_database_that_was_not_upgraded_is_refused(settings: Settings) -> None:
    """The message says what to run."""
    with pytest.raises(DatabaseError, match="run `cladist db upgrade`"):
        open_database(settings.database_url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://localhost/x", "CLADIST_DATABASE_URL"),
        ("oracle+nothing://x", "not a database URL"),
    ],
)
def test_a_url_that_is_none_is_refused(url: str, message: str) -> None:
    """One line that names the variable, and no password."""
    with pytest.raises(DatabaseError, match=message):
        Database(url)


def test_an_unreachable_server_is_one_line_without_the_password() -> None:
    """The connection error of the driver is cut to its first line."""
    database = Database("postgresql://someone:secret@127.0.0.1:1/none")
    with pytest.raises(DatabaseError) as caught, database.read() as session:
        session.connection()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """SQLite's own words, with the name of the file."""
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, not tables, and long enough to be looked at" * 40)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(DatabaseError, match=r"notes\.txt"):
        database.require_upgraded()
    database.close()


def test_the_database_clock_moves_forward(database: Database) -> None:
    """Two readings in one transaction differ: leases are measured in real time, not in transaction time."""
    with database.read() as session:
        first = session.now()
        assert session.now() > first
        assert first.utcoffset() is not None


def test_the_release_of_the_active_bundle_becomes_active(settings: Settings) -> None:
    """Upgrading from the first revision with data in the tables, and going back to it, keeps what is there."""
    database = Database(settings.database_url)
    database.upgrade("0001")
    rows = "(1, 'r1', '{}', '2026-01-01'), (2, 'r2', '{}', '2026-01-01')"
    bundle = "(1, 'm', '/m', 2, true, '2026-01-01')"
    with database.write() as session:
        session.execute(text(f"INSERT INTO releases (id, release, taxonomy, created_at) VALUES {rows}"))
        session.execute(
            text(f"INSERT INTO bundles (id, model, folder, release_id, active, created_at) VALUES {bundle}")
        )
    database.upgrade()
    query = text("SELECT release, name, active FROM releases ORDER BY id")
    with database.read() as session:
        found = [(release, name, bool(active)) for release, name, active in session.execute(query)]
    assert found == [("r1", "default", False), ("r2", "default", True)]
    database.downgrade("0001")
    with database.read() as session:
        assert session.execute(text("SELECT release FROM releases ORDER BY id")).scalars().all() == ["r1", "r2"]
    database.close()


def test_jobs_of_before_come_into_the_first_queue(settings: Settings) -> None:
    """Upgrading a filled database of the second revision: what waited still waits, what is delayed keeps its time."""
    database = Database(settings.database_url)
    database.upgrade("0002")
    bundle, decision = "(1, 'm', '/m', 1, true, '2026-01-01')", "(3, 1, 0, 0.5, 'r', '{}')"
    statements = [
        "INSERT INTO releases (id, release, taxonomy, created_at) VALUES (1, 'r1', '{}', '2026-01-01')",
        f"INSERT INTO bundles (id, model, folder, release_id, active, created_at) VALUES {bundle}",
        "INSERT INTO assets (id, uri) VALUES (1, 'file:///a')",
        *(
            "INSERT INTO jobs (id, asset_id, bundle_id, status, attempt, created_at) "
            f"VALUES ({number}, 1, 1, '{status}', 0, '2026-01-01')"
            for number, status in ((1, "queued"), (2, "queued"), (3, "succeeded"))
        ),
        "INSERT INTO outbox (id, job_id, alone, due_at) VALUES (1, 1, false, '2026-01-01 00:00:00.000000')",
        "INSERT INTO outbox (id, job_id, alone, due_at) VALUES (2, 2, true, '2999-01-01 00:00:00.000000')",
        f"INSERT INTO decisions (job_id, asset_id, level, confidence, reason, prediction) VALUES {decision}",
    ]
    with database.write() as session:
        for statement in statements:
            session.execute(text(statement))
    database.upgrade()
    with database.read() as session:
        rows = session.scalars(select(OutboxRow).order_by(OutboxRow.id)).all()
        assert [(row.job_id, row.alone, row.queue_id, row.tenant_id) for row in rows] == [
            (1, False, 1, 1),
            (2, True, 1, 1),
        ]
        assert rows[0].due_at is None
        assert rows[1].due_at == datetime(2999, 1, 1, tzinfo=UTC)
        assert {job["job"]: (job["queue"], job["tenant"]) for job in list_jobs(session)} == dict.fromkeys(
            (1, 2, 3), ("default", "default")
        )
    broker = Broker()
    assert relay(database, broker) == 1
    database.downgrade("0002")
    with database.read() as session:
        assert session.execute(text("SELECT job_id FROM outbox")).scalars().all() == [2]
        assert session.execute(text("SELECT count(*) FROM decisions")).scalar_one() == 1
    database.close()
