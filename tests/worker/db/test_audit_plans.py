"""Audit records are read along the index of tenants, also those of one that is rare or has been silent for long."""

from typing import Any

import pytest
from plans import analyse, explained

from worker.db.engine import Database
from worker.db.statements.audit_rows import select_records_of
from worker.db.statements.distinct import distinct_values
from worker.db.statements.rows import insert_rows
from worker.db.tables import AuditLinkRow, AuditRecordRow

BY_TENANT = "ix_audit_records_tenant_id_id"
EACH = 6000
NAMES = ("id", "hash")


def fill(database: Database, counts: dict[int, int]) -> None:
    """Tenants one after the other, so that the first are silent at the end."""
    columns = ("tenant_id", "kind", "content", "hash")
    with database.write() as tx:
        rows = ((tenant, "routing", "{}" + " " * 200, "h") for tenant, count in counts.items() for _ in range(count))
        insert_rows(tx, AuditRecordRow, columns, rows)


def plan_of(database: Database, query: Any) -> str:
    def ask() -> None:
        with database.read() as tx:
            tx.execute(query(tx)).all()

    ((_, plan),) = explained(database, ask)
    return "\n".join(plan)


@pytest.mark.parametrize("is_known", [True, False], ids=["analysed", "just filled"])
@pytest.mark.parametrize("tenant", [1, 2, 3])
def test_a_tenant_is_read_by_its_index(database: Database, tenant: int, *, is_known: bool) -> None:
    """The one that has half of all but none of late, the one that has two, the last one; and nothing is sorted.

    Before PostgreSQL has looked at a table it may sort what it finds by the index, never walk past other tenants.
    """
    fill(database, {1: EACH, 2: 2, 3: EACH})
    if is_known:
        analyse(database)
    plan = plan_of(database, lambda tx: select_records_of(tx, tenant, NAMES, after=EACH - 10, limit=1000))
    assert BY_TENANT in plan, plan
    assert "pk_audit_records" not in plan, plan
    assert not is_known or "Sort" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan


def test_tenants_are_found_by_one_seek_each(database: Database) -> None:
    """Of records and of links; ascending."""
    fill(database, {7: EACH, 0: 1, 3: EACH})
    analyse(database)
    with database.read() as tx:
        assert list(tx.scalars(distinct_values(AuditRecordRow.tenant_id))) == [0, 3, 7]
        assert list(tx.scalars(distinct_values(AuditLinkRow.tenant_id))) == []
    plan = plan_of(database, lambda _: distinct_values(AuditRecordRow.tenant_id))
    assert BY_TENANT in plan, plan
    assert "Seq Scan on audit_records" not in plan, plan
    assert "SCAN audit_records" not in plan.replace("SCAN audit_records USING COVERING INDEX", ""), plan
