"""A database of one tenant: no statement sees or changes a row of another, in whatever way it is asked."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import aliased

from worker.db.engine import Database
from worker.db.statements.rows import last_job_id
from worker.db.tables import AssetRow, Base, BatchRow, JobRow, OutboxRow, TenantRow
from worker.db.tenancy import tables_of_tenants
from worker.db.transaction import Transaction
from worker.dispatch.queues import Destination
from worker.jobs.submission import Request, submit

pytestmark = pytest.mark.usefixtures("bundle")

# What all tenants share, and what is reached through a job, an asset, a list, a policy or a webhook only.
WITHOUT_TENANT = {
    "AliasRow", "BundleRow", "DecisionRow", "DeliveryRow", "HashEntryRow", "LabelRow", "NodeRow", "PolicyNodesRow",
    "QueueRow", "RelabellingRow", "ReleaseRow", "ReviewRow", "SinkRow",
}  # fmt: skip


@pytest.fixture
def two(database: Database) -> tuple[int, int]:
    """A job of each of two tenants, on assets of one name; the numbers of the tenants."""
    for tenant in ("a", "b"):
        list(submit(database, [Request("https://h/1", name="n", key="k")], Destination(tenant=tenant)))
    with database.read() as tx:
        first, second = tx.scalars(select(TenantRow.id).where(TenantRow.name.in_(("a", "b"))).order_by(TenantRow.name))
    return first, second


def test_every_table_has_a_tenant_or_is_known_to_have_none() -> None:
    """A new table has to be thought about: it gets a tenant, or stands in the list above."""
    all_tables = {mapper.class_.__name__ for mapper in Base.registry.mappers}
    assert all_tables - {table.__name__ for table in tables_of_tenants()} == WITHOUT_TENANT


def test_two_tenants_may_use_one_idempotency_key(database: Database, two: tuple[int, int]) -> None:
    """Each gets its own job, and gets that again; also from one submission for both."""
    mixed = [Request("https://h/1", name="n", key="k", tenant=tenant) for tenant in ("b", "a")]
    assert list(submit(database, mixed)) == [[2, 1]]
    with database.read() as tx:
        assert tx.scalars(select(JobRow.tenant_id).order_by(JobRow.id)).all() == list(two)


@pytest.mark.parametrize(
    "ask",
    [
        lambda tx: tx.scalars(select(JobRow.id)).all(),
        lambda tx: [row.id for row in tx.scalars(select(JobRow))],
        lambda tx: [tx.scalar(select(func.max(JobRow.id)))],
        lambda tx: [job for job in (1, 2) if tx.get(JobRow, job)],
        lambda tx: tx.scalars(select(JobRow.id).join(AssetRow, AssetRow.id == JobRow.asset_id)).all(),
        lambda tx: tx.scalars(select(aliased(JobRow).id)).all(),
        lambda tx: tx.scalars(select(select(JobRow.id).subquery().c.id)).all(),
        lambda tx: tx.scalars(select(BatchRow.id).where(BatchRow.id.in_(select(JobRow.batch_id)))).all(),
        lambda tx: tx.scalars(select(OutboxRow.job_id)).all(),
        lambda tx: tx.scalars(select(JobRow.id).with_for_update()).all(),
        lambda tx: tx.scalars(update(JobRow).values(attempt=5).returning(JobRow.id)).all(),
        lambda tx: tx.scalars(delete(OutboxRow).returning(OutboxRow.job_id)).all(),
    ],
)
def test_it_sees_its_own_rows_alone(
    database: Database, two: tuple[int, int], ask: Callable[[Transaction], list[int]]
) -> None:
    """However it asks."""
    with database.of_tenant(two[0]).write() as tx:
        assert list(ask(tx)) == [1]
    with database.of_tenant(two[1]).write() as tx:
        assert list(ask(tx)) == [2]


def test_numbers_of_new_jobs_are_those_of_all(database: Database, two: tuple[int, int]) -> None:
    """The one thing that must see every row."""
    for tenant_id in two:
        with database.of_tenant(tenant_id).read() as tx:
            assert last_job_id(tx) == 2
    ((job,),) = submit(database.of_tenant(two[0]), [Request("https://h/2")], Destination(tenant="a"))
    assert job > 2
