"""Revisions say for themselves what they make: the tables of today may change without them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import CLADIST, environment
from sqlalchemy import text

from worker.db.engine import Database
from worker.db.migrations import migrations_folder
from worker.settings import Settings

REVISIONS = sorted((migrations_folder() / "versions").glob("*.py"))

UPGRADE_WITHOUT_TABLES = """
import sys
from worker.db.engine import Database
sys.modules["worker.db.tables"] = None
database = Database(sys.argv[1])
database.upgrade()
database.require_upgraded()
"""

JOBS_OF_0001 = [
    "INSERT INTO releases (id, release, taxonomy, created_at) VALUES (1, 'r1', '{}', '2026-01-01')",
    "INSERT INTO nodes (release_id, node_id, name, path, level) VALUES (1, 'n', 'N', 'N', 1)",
    (
        "INSERT INTO bundles (id, model, folder, release_id, active, created_at) "
        "VALUES (1, 'm', '/m', 1, true, '2026-01-01')"
    ),
    "INSERT INTO assets (id, uri) VALUES (1, 'file:///a')",
    (
        "INSERT INTO jobs (id, asset_id, bundle_id, status, attempt, code, created_at) "
        "VALUES (1, 1, 1, 'failed', 1, 'unreadable_image', '2026-01-01 12:00:00.000000')"
    ),
    "INSERT INTO outbox (id, job_id, alone, due_at) VALUES (1, 1, true, '2999-01-01 00:00:00.000000')",
    "INSERT INTO decisions (job_id, asset_id, level, confidence, reason, prediction) VALUES (1, 1, 0, 0.5, 'r', '{}')",
    (
        "INSERT INTO labels (asset_id, release_id, bundle_id, node_id, level, confidence, on_path, source) "
        "VALUES (1, 1, 1, 'n', 1, 0.5, true, 'model')"
    ),
]


@pytest.mark.parametrize("path", REVISIONS, ids=lambda path: path.stem)
def test_a_revision_imports_nothing_of_ours(path: Path) -> None:
    """Alembic, SQLAlchemy and the standard library only."""
    tree = ast.parse(path.read_text())
    named = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    named += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert named
    assert {name.partition(".")[0] for name in named} <= {"alembic", "sqlalchemy", *sys.stdlib_module_names}


def test_the_schema_is_brought_up_without_the_tables_of_today(tmp_path: Path) -> None:
    """An upgrade works where no revision could import the module of the tables."""
    url = f"sqlite:///{tmp_path}/new.db"
    subprocess.run([sys.executable, "-c", UPGRADE_WITHOUT_TABLES, url], check=True, capture_output=True)
    database = Database(url)
    database.require_upgraded()
    database.close()


def test_three_upgrades_at_once_all_succeed(settings: Settings) -> None:
    """Each in a process of its own, on a database that is empty or does not exist: one does it, the others wait."""
    command = [*CLADIST, "db", "upgrade"]
    started = [
        subprocess.Popen(command, env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    said = [process.communicate() for process in started]
    assert [(process.returncode, errors) for process, (_, errors) in zip(started, said, strict=True)] == [(0, b"")] * 3
    database = Database(settings.database_url)
    database.require_upgraded()
    database.close()


def test_attempts_of_before_count_as_charged(settings: Settings) -> None:
    """Of open jobs; one that ended begins anew when it is tried again. A suspect that runs was claimed alone."""
    database = Database(settings.database_url)
    database.upgrade("0003")
    with database.write() as tx:
        for statement in JOBS_OF_0001[:4]:
            tx.execute(text(statement))
        for number, (status, code) in enumerate(
            [("queued", "NULL"), ("running", "'worker_lost'"), ("dead", "NULL")], 1
        ):
            tx.execute(
                text(
                    "INSERT INTO jobs (id, asset_id, bundle_id, status, attempt, code, created_at) "
                    f"VALUES ({number}, 1, 1, '{status}', 2, {code}, '2026-01-01 12:00:00.000000')"
                )
            )
    database.upgrade()
    with database.read() as tx:
        rows = tx.execute(text("SELECT attempt, charged, alone FROM jobs ORDER BY id"))
        assert [tuple(row) for row in rows] == [(2, 2, False), (2, 2, True), (2, 0, False)]
    database.downgrade("0003")
    database.close()


def test_the_rows_of_the_first_revision_are_all_there_at_the_newest(settings: Settings) -> None:
    """Every table that had a row has it still."""
    database = Database(settings.database_url)
    database.upgrade("0001")
    with database.write() as tx:
        for statement in JOBS_OF_0001:
            tx.execute(text(statement))
    database.upgrade()
    with database.read() as tx:
        for statement in JOBS_OF_0001:
            table = statement.split()[2]
            assert tx.scalar(text(f"SELECT count(*) FROM {table}")) == 1, table
        assert tx.execute(text("SELECT status, code, queue_id, tenant_id FROM jobs")).one() == (
            "failed",
            "unreadable_image",
            1,
            1,
        )
        assert tx.execute(text("SELECT uri, name, tenant_id, pdq FROM assets")).one() == ("file:///a",) * 2 + (1, None)
    database.close()


def test_an_asset_is_of_the_tenant_of_its_newest_job(settings: Settings) -> None:
    """Upgraded from the third revision with rows, and taken back to it: assets, jobs and decisions stay."""
    database = Database(settings.database_url)
    database.upgrade("0001")
    with database.write() as tx:
        for statement in JOBS_OF_0001:
            tx.execute(text(statement))
    database.upgrade("0003")
    with database.write() as tx:
        tx.execute(text("INSERT INTO tenants (id, name) VALUES (7, 'shop')"))
        tx.execute(text("INSERT INTO assets (id, uri) VALUES (2, 'file:///alone')"))
        tx.execute(
            text(
                "INSERT INTO jobs (id, asset_id, bundle_id, status, attempt, created_at, tenant_id) "
                "VALUES (2, 1, 1, 'failed', 1, '2026-01-01 12:00:00.000000', 7)"
            )
        )
    database.upgrade()
    with database.write() as tx:
        assert tx.execute(text("SELECT name, tenant_id FROM assets ORDER BY id")).all() == [
            ("file:///a", 7),
            ("file:///alone", 1),
        ]
        tx.execute(text("INSERT INTO assets (id, tenant_id, name, uri) VALUES (3, 1, 'n', 'file:///a')"))
    database.downgrade("0003")
    with database.read() as tx:
        uris = list(tx.scalars(text("SELECT uri FROM assets ORDER BY id")))
        assert uris == ["file:///a", "file:///alone", "file:///a#3"]
        assert tx.scalar(text("SELECT count(*) FROM decisions")) == 1
    database.close()
