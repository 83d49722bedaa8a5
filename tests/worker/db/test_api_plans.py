"""What the API asks for is read by indexes, with the condition of its tenant, however many jobs there are."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from plans import analyse, explained
from sqlalchemy import insert

from worker.access.keys import Scope, create_key, find_caller
from worker.db.engine import Database
from worker.db.tables import AssetRow, BatchRow, BundleRow, JobRow, LabelRow, ReleaseRow, TenantRow
from worker.jobs.batches import show_batch
from worker.jobs.queries import list_jobs, page_of_jobs, show_job
from worker.jobs.submission import _Key, _known_jobs
from worker.labels.storage import page_of_labels
from worker.states import Status

JOBS, TENANTS, ASSETS = 6000, 50, 500
BIG = ("jobs", "labels", "assets", "batches")


@pytest.fixture
def filled(database: Database) -> Database:
    """Jobs of fifty tenants, one in forty failed, and a label of each asset."""
    now = datetime.now(UTC)
    with database.write() as tx:
        tx.add(ReleaseRow(id=1, release="r", taxonomy="{}", created_at=now))
        tx.flush()
        tx.add(BundleRow(id=1, model="m", folder="/m", release_id=1, active=True, created_at=now))
        tx.execute(insert(TenantRow), [{"id": number, "name": f"t{number}"} for number in range(2, TENANTS + 2)])
        tx.execute(insert(AssetRow), [_asset(number) for number in range(1, ASSETS + 1)])
        tx.execute(insert(BatchRow), [_batch(number, now) for number in range(1, JOBS // 20 + 1)])
        tx.execute(insert(JobRow), [_job(number, now) for number in range(1, JOBS + 1)])
        tx.execute(insert(LabelRow), [_label(number) for number in range(1, ASSETS + 1)])
    analyse(database)
    return database


def _asset(number: int) -> dict[str, object]:
    return {
        "id": number,
        "uri": f"file:///{number}",
        "name": f"file:///{number}",
        "tenant_id": (number - 1) % TENANTS + 2,
    }


def _batch(number: int, now: datetime) -> dict[str, object]:
    return {"id": number, "created_at": now, "job_count": 20, "tenant_id": number % TENANTS + 2}


def _job(number: int, now: datetime) -> dict[str, object]:
    status = Status.FAILED if number % 40 == 0 else Status.SUCCEEDED
    return {"id": number, "asset_id": number % ASSETS + 1, "bundle_id": 1, "status": status, "attempt": 1,
            "tenant_id": number % TENANTS + 2, "created_at": now, "finished_at": now,
            "batch_id": number // 20 + 1, "idempotency_key": str(number)}  # fmt: skip


def _label(number: int) -> dict[str, object]:
    return {"asset_id": number, "release_id": 1, "bundle_id": 1, "node_id": "n", "level": 1,
            "confidence": number / ASSETS, "on_path": True, "source": "model"}  # fmt: skip


@pytest.mark.parametrize(
    ("read", "index"),
    [
        (lambda tx: page_of_jobs(tx, limit=50, before=None), "ix_jobs_tenant_id_id"),
        (lambda tx: page_of_jobs(tx, limit=50, before=5000), "jobs"),
        (lambda tx: page_of_jobs(tx, limit=50, before=None, status=Status.FAILED), "ix_jobs_tenant_id_id"),
        (lambda tx: page_of_jobs(tx, limit=50, before=None, batch=5), "ix_jobs_batch_id"),
        (lambda tx: show_job(tx, 5), "jobs"),
        (lambda tx: list_jobs(tx, asset_id=6), "ix_jobs_asset_id"),
        (lambda tx: show_batch(tx, 5), "ix_jobs_batch_id_status"),
        (lambda tx: page_of_labels(tx, 1, "n", 0.5, limit=50), "ix_labels_release_id_node_id_confidence_asset_id"),
    ],
)
def test_it_reads_no_big_table_from_end_to_end(filled: Database, read: Callable[..., object], index: str) -> None:
    """Neither on SQLite nor on PostgreSQL."""

    def act() -> None:
        with filled.of_tenant(7).read() as tx:
            read(tx)

    plans = [line for _, plan in explained(filled, act, seqscan=False) for line in plan]
    assert any(index in line for line in plans), plans
    assert not [line for line in plans if any(f"Seq Scan on {name}" in line for name in BIG)], plans
    scans = [line for line in plans if line.startswith("SCAN") and "USING" not in line]
    assert not [line for line in scans if line.split()[1] in BIG], plans


def test_keys_of_jobs_are_found_by_tenant(filled: Database) -> None:
    """What a submission looks for first."""

    def act() -> None:
        with filled.of_tenant(5).read() as tx:
            assert _known_jobs(tx, [_Key(5, "3")])

    plans = [line for _, plan in explained(filled, act, seqscan=False) for line in plan]
    assert any("idempotency_key" in line and "ndex" in line.lower() for line in plans), plans


def test_a_key_is_found_by_its_number(filled: Database) -> None:
    key = create_key(filled, "t7", {Scope.READ}, "test").key
    find_caller(filled, key)
    plans = explained(filled, lambda: find_caller(filled, key), seqscan=False)
    assert not [line for _, plan in plans for line in plan if "Seq Scan" in line or line.startswith("SCAN")]
