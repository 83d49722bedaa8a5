"""Records: what they say and do not say, and that nobody changes them."""

import json
from dataclasses import fields
from hashlib import sha256

import pytest
from audit_trail import AT, TABLES, link_all, routing, write
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from worker.audit.records import (
    ActivationRecord,
    DeletionRecord,
    ImportRecord,
    KeyRecord,
    Record,
    ReviewRecord,
    RoutingRecord,
    append,
    content_of,
    read_record,
)
from worker.db.engine import Database
from worker.db.tables import AuditRecordRow
from worker.states import Action

ALL: tuple[Record, ...] = (
    routing(1, rule='quoted "kind":"deletion" \\ \u2028 é'),
    ReviewRecord(at=AT, tenant=1, job=1, asset_sha256="a" * 64, action=Action.REJECT, by="ana", before=Action.ACCEPT),
    ActivationRecord(at=AT, tenant=0, what="policy", how="rollback", name="m", version="3", previous="4", by="ana"),
    DeletionRecord(at=AT, tenant=2, asset_sha256="a" * 64, job_count=4, by="ana"),
    ImportRecord(at=AT, tenant=0, name="known", version=2, entry_count=7, by="ana"),
    KeyRecord(at=AT, tenant=1, how="create", key=3, scopes="read,submit", by="ana"),
)


def test_content_is_canonical_json() -> None:
    """Keys in order, no spaces, UTF-8 as it is, times in UTC: two programs write the same text."""
    for record in ALL:
        content = content_of(record)
        found = json.loads(content)
        assert content == json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert found["at"] == "2026-03-04T05:06:07.000089+00:00"
        assert found["kind"] == record.kind


def test_a_record_is_read_as_it_was_written(database: Database) -> None:
    """All kinds, from the table."""
    write(database, *ALL)
    with database.read() as tx:
        rows = tx.scalars(select(AuditRecordRow).order_by(AuditRecordRow.id)).all()
    assert tuple(read_record(row.kind, row.content) for row in rows) == ALL
    assert [row.tenant_id for row in rows] == [1, 1, 0, 2, 0, 1]
    assert all(row.hash == sha256(row.content.encode()).hexdigest() for row in rows)


def test_what_a_newer_release_wrote_is_read_as_far_as_it_is_known() -> None:
    """Another field is left out, another kind is no record."""
    content = json.dumps({**json.loads(content_of(ALL[0])), "zeal": 1})
    assert read_record("routing", content) == ALL[0]
    assert read_record("elsewise", content) is None


def test_a_routing_names_no_asset() -> None:
    """Neither name nor address nor metadata: a hash of the name, and one of the content."""
    names = {field.name for field in fields(RoutingRecord)}
    assert not names & {"name", "uri", "asset", "metadata", "asset_id"}
    assert {"asset_sha256", "content_sha256"} <= names


def test_records_come_and_go_with_their_transaction(database: Database) -> None:
    """One that is not committed leaves none."""
    with database.write() as tx:
        append(tx, [routing(1)])
        tx.rollback()
    write(database)
    with database.read() as tx:
        assert tx.scalar(select(AuditRecordRow.id)) is None


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", ["UPDATE {} SET hash = 'x'", "DELETE FROM {}"])
def test_nothing_is_changed_or_deleted(database: Database, table: str, change: str) -> None:
    """The database itself refuses."""
    write(database, routing(1))
    link_all(database)
    with pytest.raises(DBAPIError, match="append-only"), database.write() as tx:
        tx.execute(text(change.format(table)))
