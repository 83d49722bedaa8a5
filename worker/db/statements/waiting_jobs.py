"""What waits in a queue, read by one index seek a tenant: a queue of a hundred million jobs costs no more than one."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Integer, Select, bindparam, func, select, union_all
from sqlalchemy.orm import aliased

from worker.db.tables import OutboxRow
from worker.db.transaction import Transaction


class Waiting(NamedTuple):
    """A job that is to be published."""

    row_id: int
    job_id: int
    tenant_id: int
    alone: bool


def waiting_in(queue_id: int) -> Select[int]:
    """The outbox rows that wait in a queue and are due, by the partial index that holds just those."""
    return select(OutboxRow.id).where(OutboxRow.queue_id == queue_id, OutboxRow.due_at.is_(None))


def tenants_above(tx: Transaction, queue_id: int, tenant_id: int, count: int) -> list[int]:
    """The next tenants by number, above the given one, that have jobs waiting in the queue; at most `count` of them.

    A recursive walk from each tenant to the next smallest number: DISTINCT would read every waiting job of each.
    """
    return list(tx.scalars(_TENANTS_ABOVE, {"queue_id": queue_id, "tenant_id": tenant_id, "count": count}))


def next_of_tenants(tx: Transaction, queue_id: int, after: Iterable[tuple[int, int]], count: int) -> list[Waiting]:
    """The next `count` waiting jobs of each tenant, given with the outbox row behind which to read on.

    One round trip, and one seek each, as a UNION of short queries: no window function, which would number all rows.
    """
    parts = [_next_of_tenant(queue_id, tenant_id, row_id, count) for tenant_id, row_id in after]
    return [Waiting(*row) for row in tx.execute(union_all(*parts))]


def _next_of_tenant(queue_id: int, tenant_id: int, after: int, count: int) -> Select[int, int, int, bool]:
    columns = OutboxRow.id.label("row_id"), OutboxRow.job_id, OutboxRow.tenant_id, OutboxRow.alone
    mine = waiting_in(queue_id).with_only_columns(*columns).where(OutboxRow.tenant_id == tenant_id)
    return select(mine.where(OutboxRow.id > after).order_by(OutboxRow.id).limit(count).subquery())


def _select_tenants_above() -> Select[int]:
    queue_id, tenant_id = bindparam("queue_id", type_=Integer), bindparam("tenant_id", type_=Integer)
    mine = OutboxRow.queue_id == queue_id, OutboxRow.due_at.is_(None)
    first = select(func.min(OutboxRow.tenant_id)).where(*mine, OutboxRow.tenant_id > tenant_id).scalar_subquery()
    found = select(first.label("tenant_id")).cte("found", recursive=True)
    following = aliased(OutboxRow)
    step = select(func.min(following.tenant_id)).where(
        following.queue_id == queue_id, following.due_at.is_(None), following.tenant_id > found.c.tenant_id
    )
    found = found.union_all(select(step.scalar_subquery()).where(found.c.tenant_id.is_not(None)))
    return select(found.c.tenant_id).where(found.c.tenant_id.is_not(None)).limit(bindparam("count", type_=Integer))


_TENANTS_ABOVE = _select_tenants_above()  # made once: to make it takes longer than to run it
