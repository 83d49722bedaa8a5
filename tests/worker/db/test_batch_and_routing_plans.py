"""Batches, contents and routings are read by their indexes, however many jobs and routings there are."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from plans import analyse, explained
from sqlalchemy import insert

from worker.db.engine import Database
from worker.db.statements.rows import insert_rows
from worker.db.tables import (
    AssetRow,
    BatchRow,
    BundleRow,
    DecisionRow,
    HashListRow,
    JobRow,
    PolicyRow,
    ReleaseRow,
    RoutingRow,
)
from worker.db.transaction import Transaction
from worker.jobs.batches import failed_jobs, is_open, show_batch
from worker.jobs.queries import list_jobs
from worker.labels.contents import find_answer
from worker.policies.routings import StoredRouting, changed, list_routings, routings_of
from worker.states import Action, Status

JOBS, BATCHES, ASSETS = 6000, 300, 500
BIG = ("jobs", "routings", "decisions", "assets")


@pytest.fixture
def filled(database: Database) -> Database:
    """Jobs of many batches, each with a decision and a routing; one in fifty is in a review queue."""
    now = datetime.now(UTC)
    with database.write() as tx:
        tx.add(ReleaseRow(id=1, release="r", taxonomy="{}", created_at=now))
        tx.flush()
        tx.add(BundleRow(id=1, model="m", folder="/m", release_id=1, active=True, created_at=now))
        tx.add(PolicyRow(id=1, tenant_id=0, name="p", version=1, document="", sha256="", release_id=1, active=True,
                         shadow=False, created_at=now, created_by="t"))  # fmt: skip
        tx.add(HashListRow(id=1, tenant_id=0, name="l", max_distance=31, updated_at=now))
        tx.execute(
            insert(BatchRow), [{"id": number, "created_at": now, "job_count": 20} for number in range(1, BATCHES + 1)]
        )
        insert_rows(tx, AssetRow, ("name", "uri"), ((f"file:///{number}",) * 2 for number in range(1, ASSETS + 1)))
        tx.execute(insert(JobRow), [_job(number, now) for number in range(1, JOBS + 1)])
        tx.execute(insert(DecisionRow), [_decision(number) for number in range(1, JOBS + 1)])
        tx.execute(insert(RoutingRow), [_routing(number, now) for number in range(1, JOBS + 1)])
    analyse(database)
    return database


def _job(number: int, now: datetime) -> dict[str, object]:
    status = Status.FAILED if number % 40 == 0 else Status.SUCCEEDED
    return {"id": number, "asset_id": number % ASSETS + 1, "bundle_id": 1, "status": status, "attempt": 1,
            "created_at": now, "finished_at": now, "batch_id": number % BATCHES + 1}  # fmt: skip


def _decision(number: int) -> dict[str, object]:
    return {"job_id": number, "asset_id": number % ASSETS + 1, "node_id": "n", "level": 1, "confidence": 0.5,
            "reason": "terminal", "prediction": {"release": "r"},
            "content_sha256": f"{number % ASSETS:064x}"}  # fmt: skip


def _routing(number: int, now: datetime) -> dict[str, object]:
    queue = "general" if number % 50 == 0 else None
    action = Action.REVIEW if queue else Action.ACCEPT
    return {"job_id": number, "policy_id": 1, "tenant_id": 1, "asset_id": number % ASSETS + 1, "action": action,
            "review_queue": queue, "priority": 0, "sampled": False, "shadow": False, "created_at": now}  # fmt: skip


def routing(job: int, asset: int) -> StoredRouting:
    return StoredRouting(job, 1, 1, asset, None, Action.ACCEPT, None, None, 0, (), sampled=False, shadow=False)


@pytest.mark.parametrize(
    ("read", "index"),
    [
        (lambda tx: show_batch(tx, 7), "ix_jobs_batch_id_status"),
        (lambda tx: is_open(tx, 7), "ix_jobs_"),  # by the batch or by the status, whichever has fewer rows
        (lambda tx: failed_jobs(tx, 7, 10), "ix_jobs_batch_id"),
        (lambda tx: list_jobs(tx, batch=7), "ix_jobs_batch_id"),
        (lambda tx: list_jobs(tx, asset_id=7), "ix_jobs_asset_id"),
        (lambda tx: list_routings(tx, queue="general"), "ix_routings_review_queue"),
        (lambda tx: routings_of(tx, [7, 8]), "routings"),
        (lambda tx: changed(tx, [routing(JOBS + 1, 7)]), "ix_routings_asset_id"),
    ],
)
def test_it_reads_no_big_table_from_end_to_end(
    filled: Database, read: Callable[[Transaction], object], index: str
) -> None:
    def act() -> None:
        with filled.read() as tx:
            read(tx)

    plans = [line for _, plan in explained(filled, act, seqscan=False) for line in plan]
    assert any(index in line for line in plans), plans
    assert not [line for line in plans if any(f"Seq Scan on {name}" in line for name in BIG)], plans
    scans = [line for line in plans if line.startswith("SCAN") and "USING" not in line]
    assert not [line for line in scans if line.split()[1] in BIG], plans


def test_the_same_content_is_found_by_its_hash(filled: Database) -> None:
    plans = explained(filled, lambda: find_answer(filled, f"{7:064x}", 1, "r"), seqscan=False)
    assert any("ix_decisions_content_sha256" in line for _, plan in plans for line in plan), plans
