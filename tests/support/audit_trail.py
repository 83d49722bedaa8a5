"""Audit records for tests, and a hand that changes them as no program of ours would."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import text

from worker.audit.chain import Linker
from worker.audit.records import Record, RoutingRecord, append
from worker.audit.verify import Chain, verify_chains
from worker.db.engine import Database
from worker.db.transaction import Transaction
from worker.states import Action

AT = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
TABLES = ("audit_records", "audit_links")


def routing(
    job: int, tenant: int = 1, *, action: Action = Action.ACCEPT, at: datetime = AT, release: str = "r" * 64,
    rule: str | None = "a rule", node: str | None = "disc",
) -> RoutingRecord:  # fmt: skip
    """A whole record."""
    return RoutingRecord(
        at=at,
        tenant=tenant,
        job=job,
        asset_sha256=sha256(f"asset {job}".encode()).hexdigest(),
        action=action,
        content_sha256="c" * 64,
        model="test_resnet@0123456789abcdef",
        release=release,
        policy="moderation",
        policy_version=3,
        policy_sha256="d" * 64,
        rule=rule,
        node=node,
        level=3,
        confidence=0.875,
    )


def write(database: Database, *records: Record) -> None:
    """In one transaction."""
    with database.write() as tx:
        append(tx, records)


def link_all(database: Database) -> int:
    """Until there is nothing left; how many links were made."""
    linker, made = Linker(database), 0
    while count := linker.link():
        made += count
    return made


def chain_of(database: Database, tenant: int = 1, *heads: str) -> Chain:
    """One chain, verified."""
    (found,) = verify_chains(database, tenant, heads)
    return found


@contextmanager
def tampering(database: Database) -> Iterator[Transaction]:
    """A transaction of the database's owner, without the triggers; they are back afterwards."""
    with database.write() as tx:
        if tx.is_sqlite:
            query = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit%'")
            triggers = tx.execute(query).all()
            for name, _ in triggers:
                tx.execute(text(f"DROP TRIGGER {name}"))
            yield tx
            for _, sql in triggers:
                tx.execute(text(sql))
        else:
            for table in TABLES:
                tx.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            yield tx
            for table in TABLES:
                tx.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
