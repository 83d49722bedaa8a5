"""Each statement of worker/db/statements takes the plan that it is written for, on tables with rows and statistics."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from plans import analyse, asked, explained
from sqlalchemy import insert, select, text

from worker.db.engine import Database
from worker.db.statements.batch_ends import batches_to_sweep
from worker.db.statements.counts import count_in_flight, count_up_to
from worker.db.statements.horizon import Horizon
from worker.db.statements.index_choice import (
    IS_QUEUED,
    IS_RUNNING,
    is_of_release,
    is_on_later_page,
    select_by_status,
)
from worker.db.statements.locks import hold_assets, lock_unless_held, take_relay_lock
from worker.db.statements.rows import add_missing_assets, insert_rows, is_any_of, reserve_job_ids
from worker.db.statements.waiting_jobs import next_of_tenants, tenants_above, waiting_in
from worker.db.tables import AssetRow, BundleRow, EventRow, JobRow, LabelRow, OutboxRow, ReleaseRow
from worker.db.transaction import Transaction
from worker.states import Status

ASSETS, NODES, TENANTS = 400, 20, 40
JOBS_OF = {Status.SUCCEEDED: 3000, Status.QUEUED: 1000, Status.RUNNING: 50}
SCANS = ("Seq Scan on", "SCAN jobs", "SCAN outbox", "SCAN labels", "SCAN assets")
SORTS = ("Sort", "TEMP B-TREE")
LABELS_BY_NODE = "ix_labels_release_id_node_id_confidence_asset_id"

ON_SERVERS = pytest.mark.parametrize("settings", [pytest.param("servers", marks=pytest.mark.service)], indirect=True)


@pytest.fixture
def filled(database: Database) -> Database:
    """Jobs most of which ended, a queue that many tenants wait in, and labels of two releases."""
    now = datetime.now(UTC)
    with database.write() as tx:
        tx.add(ReleaseRow(id=1, release="r", taxonomy="{}", created_at=now))
        tx.flush()
        tx.add(BundleRow(id=1, model="m", folder="/m", release_id=1, active=True, created_at=now))
        tx.flush()
        insert_rows(tx, AssetRow, ("name", "uri"), ((f"file:///{number}",) * 2 for number in range(1, ASSETS + 1)))
        statuses = [status for status, count in JOBS_OF.items() for _ in range(count)]
        tx.execute(insert(JobRow), [_job(number, status, now) for number, status in enumerate(statuses, 1)])
        waiting = [number for number, status in enumerate(statuses, 1) if status is Status.QUEUED]
        tx.execute(insert(OutboxRow), [_waiting(number) for number in waiting[JOBS_OF[Status.QUEUED] // 10 :]])
        columns = ("asset_id", "release_id", "bundle_id", "source", "node_id", "level", "confidence", "on_path")
        insert_rows(tx, LabelRow, columns, _labels())
    analyse(database)
    return database


def _job(number: int, status: Status, now: datetime) -> dict[str, Any]:
    is_published = status is not Status.QUEUED or number < JOBS_OF[Status.SUCCEEDED] + JOBS_OF[Status.QUEUED] // 10
    lease_until = now if status is Status.RUNNING else None
    times = {"created_at": now, "published_at": now if is_published else None, "lease_until": lease_until}
    return {"id": number, "asset_id": number % ASSETS + 1, "bundle_id": 1, "status": status, "attempt": 0, **times}


def _waiting(job_id: int) -> dict[str, Any]:
    return {"job_id": job_id, "alone": False, "queue_id": 1, "tenant_id": job_id % TENANTS + 1}


def _labels() -> list[tuple[Any, ...]]:
    return [
        (asset, release, 1, "model", f"n{node}", 1, (asset * node % 97) / 97, False)
        for asset in range(1, ASSETS + 1)
        for release in (1, 2)
        for node in range(NODES)
    ]


def plan_of(database: Database, action: Callable[[Transaction], object]) -> str:
    """The plan of the one statement of an action, where no table is so small that PostgreSQL would rather scan it."""

    def act() -> None:
        with database.write() as tx:
            action(tx)

    ((_, plan),) = explained(database, act, seqscan=False)
    return "\n".join(plan)


def assert_seeks(plan: str, index: str, *, may_sort: bool = False) -> None:
    """It goes by this index, and reads no table from end to end."""
    assert index in plan, plan
    for costly in SCANS if may_sort else (*SCANS, *SORTS):
        assert costly not in plan, plan


def test_many_ids_are_one_statement_that_seeks(filled: Database) -> None:
    """By the primary key; on PostgreSQL the statement is the same for any number of ids, so that its plan is kept."""

    def read(tx: Transaction, count: int) -> None:
        tx.execute(select(AssetRow.uri).where(is_any_of(tx, AssetRow.id, range(1, count + 1))))

    assert_seeks(plan_of(filled, lambda tx: read(tx, 5)), "INTEGER PRIMARY KEY" if filled.is_sqlite else "pk_assets")
    with filled.read() as tx:
        said = [statement for count in (2, 200) for statement, _ in asked(filled, partial(read, tx, count))]
    assert (said[0] == said[1]) is not filled.is_sqlite


def test_labels_of_a_release_are_read_in_the_order_of_assets(filled: Database) -> None:
    """By the primary key and not by the index on (release, node, ...), though that begins with the release."""
    query = select(LabelRow.asset_id).where(is_of_release(1), LabelRow.asset_id > 10).distinct()
    plan = plan_of(filled, lambda tx: tx.execute(query.order_by(LabelRow.asset_id).limit(3)))
    assert_seeks(plan, "sqlite_autoindex_labels" if filled.is_sqlite else "pk_labels")
    assert LABELS_BY_NODE not in plan


@pytest.mark.parametrize("newest_first", [False, True])
def test_jobs_of_a_status_are_a_stretch_of_its_index(filled: Database, *, newest_first: bool) -> None:
    """In order already, from either end, whether many have the status or none."""
    for status in (Status.QUEUED, Status.SUCCEEDED, Status.DEAD):
        query = select_by_status(status, JobRow.created_at, newest_first=newest_first).limit(1)
        assert_seeks(plan_of(filled, partial(Transaction.execute, statement=query)), "ix_jobs_status_id")


def test_a_page_far_back_is_one_range_of_the_index(filled: Database) -> None:
    """The place where it begins is a condition of the index, not a filter on what was read before it."""
    query = (
        select(LabelRow.asset_id)
        .where(LabelRow.release_id == 1, LabelRow.node_id == "n3", is_on_later_page(0.5, 100))
        .order_by(LabelRow.confidence.desc(), LabelRow.asset_id.desc())
        .limit(10)
    )
    plan = plan_of(filled, lambda tx: tx.execute(query))
    assert_seeks(plan, LABELS_BY_NODE)
    assert ("(confidence,asset_id)<(?,?)" if filled.is_sqlite else "(ROW(confidence, asset_id) < ROW(") in plan
    assert "Filter" not in plan


def test_leases_and_publications_are_found_by_their_partial_indexes(filled: Database) -> None:
    """Of jobs in other states nothing is read. SQLite seeks the few running ones by their status instead."""
    now = datetime.now(UTC)
    running = select(JobRow.id).where(IS_RUNNING, JobRow.lease_until < now)
    assert_seeks(
        plan_of(filled, lambda tx: tx.execute(running)), "ix_jobs_status_id" if filled.is_sqlite else "ix_jobs_leases"
    )
    published = select(JobRow.id).where(IS_QUEUED, JobRow.published_at < now).limit(10)
    assert_seeks(plan_of(filled, lambda tx: tx.execute(published)), "ix_jobs_published")


def test_counts_of_what_is_in_flight_read_only_that(filled: Database) -> None:
    """Published jobs by the index of those; running ones by an index too."""
    plan = plan_of(filled, lambda tx: count_in_flight(tx, 100))
    assert_seeks(plan, "ix_jobs_published", may_sort=True)  # few workers are counted by sorting them
    with filled.read() as tx:
        assert count_in_flight(tx, 1000) == (JOBS_OF[Status.QUEUED] // 10 - 1, JOBS_OF[Status.RUNNING], 0)
        assert count_in_flight(tx, 20) == (20, 20, 0)


def test_a_count_stops_at_its_bound(filled: Database) -> None:
    """Of a long queue no more rows are read than the bound."""
    assert_seeks(plan_of(filled, lambda tx: count_up_to(tx, waiting_in(1), 50)), "ix_outbox_line")
    with filled.read() as tx:
        assert count_up_to(tx, waiting_in(1), 50) == 50
        assert count_up_to(tx, waiting_in(1)) == JOBS_OF[Status.QUEUED] * 9 // 10


def test_the_tenants_of_a_queue_are_found_by_one_seek_each(filled: Database) -> None:
    """Every step of the walk goes to the next larger number, and reads one entry of the index."""
    plan = plan_of(filled, lambda tx: tenants_above(tx, 1, 3, 10))
    assert_seeks(plan, "ix_outbox_line")
    step = "(queue_id=? AND tenant_id>?)" if filled.is_sqlite else "Limit"
    assert plan.count(step) >= 2, plan
    with filled.read() as tx:
        assert tenants_above(tx, 1, 3, 10) == list(range(4, 14))


def test_the_next_jobs_of_tenants_are_a_short_stretch_of_the_index_each(filled: Database) -> None:
    """One seek a tenant, in one statement, with nothing to sort."""
    plan = plan_of(filled, lambda tx: next_of_tenants(tx, 1, [(1, 0), (2, 0), (3, 0)], 5))
    assert_seeks(plan, "ix_outbox_line")
    assert plan.count("ix_outbox_line") == 3, plan
    with filled.read() as tx:
        found = next_of_tenants(tx, 1, [(1, 0), (2, 0)], 5)
        assert [job.tenant_id for job in found] == [1] * 5 + [2] * 5
        assert next_of_tenants(tx, 1, [(1, found[4].row_id)], 1)[0].row_id > found[4].row_id


def test_ids_are_reserved_in_order_and_never_twice(filled: Database) -> None:
    """The next ones lie above those that jobs have."""
    with filled.write() as tx:
        if not filled.is_sqlite:  # where the fixture gave ids of its own
            tx.execute(text("SELECT setval(pg_get_serial_sequence('jobs', 'id'), 9000)"))
        ids = reserve_job_ids(tx, 3)
        assert ids == sorted(set(ids))
        assert ids[0] > sum(JOBS_OF.values())
        assert reserve_job_ids(tx, 0) == []


def test_missing_assets_are_added_and_known_ones_stay(filled: Database) -> None:
    """On PostgreSQL by one statement, whatever their number."""

    def add() -> None:
        with filled.write() as tx:
            add_missing_assets(
                tx, [(1, f"file:///{number}", f"file:///{number}") for number in range(ASSETS - 5, ASSETS + 6)]
            )

    plans = []
    if filled.is_sqlite:
        add()
    else:
        plans = explained(filled, add)
    with filled.read() as tx:
        assert count_up_to(tx, select(AssetRow.id)) == ASSETS + 5
    if plans:
        ((_, plan),) = plans
        assert any("Conflict Resolution: NOTHING" in step for step in plan), plan
        assert any("ProjectSet" in step for step in plan), plan


def test_a_sweep_reads_little_of_large_batches(filled: Database) -> None:
    """Open batches by their index, and of each the newest job and an open one by the indexes of batches."""
    plan = plan_of(filled, lambda tx: batches_to_sweep(tx, after=0, limit=100))
    assert_seeks(plan, "ix_jobs_batch_id_id")
    assert plan.count("ix_jobs_batch_id_status") == 2, plan
    assert "ix_batches_open" in plan, plan


@ON_SERVERS
def test_the_horizon_looks_at_the_last_row_alone(filled: Database) -> None:
    """By the primary key; who writes is asked of the locks."""
    plan = plan_of(filled, lambda tx: Horizon(EventRow).safe_id(tx))
    assert_seeks(plan, "pk_events")
    assert "pg_lock_status" in plan


@ON_SERVERS
def test_rows_that_others_hold_are_passed_over(filled: Database) -> None:
    """Whoever asks gets the rest at once; it is the plan that locks the rows."""
    query = select(JobRow.id).where(JobRow.id <= 4).order_by(JobRow.id)
    assert "LockRows" in plan_of(filled, lambda tx: tx.execute(lock_unless_held(query)))
    with filled.write() as one, filled.write() as other:
        assert one.scalars(lock_unless_held(query.limit(2))).all() == [1, 2]
        assert other.scalars(lock_unless_held(query)).all() == [3, 4]


@ON_SERVERS
def test_one_row_is_the_lock_of_all_relays(filled: Database) -> None:
    """The second relay is told no at once. The first one may stand still for 15 s, until it commits."""
    patience = text("SELECT current_setting('idle_in_transaction_session_timeout')")
    with filled.write() as one, filled.write() as other:
        before = one.scalar(patience)
        assert take_relay_lock(one)
        assert not take_relay_lock(other)
        assert one.scalar(patience) == "15s"
    with filled.write() as tx:
        assert tx.scalar(patience) == before
        assert take_relay_lock(tx)


@ON_SERVERS
def test_held_assets_take_new_jobs(filled: Database) -> None:
    """Their lock lets others insert rows that refer to them, and lets nobody else hold them."""
    with filled.write() as one, filled.write() as other:
        hold_assets(one, [2, 1])
        other.execute(text("SET LOCAL lock_timeout = '2s'"))
        other.execute(insert(JobRow), [_job(9001, Status.QUEUED, datetime.now(UTC))])
        found = other.scalars(lock_unless_held(select(AssetRow.id).where(AssetRow.id <= 3))).all()
        assert found == [3]
    assert "LockRows" in plan_of(filled, lambda tx: hold_assets(tx, [1, 2]))
