"""Tampering of every kind is seen, and the first place of it named."""

import tracemalloc
from collections.abc import Callable
from hashlib import sha256

import pytest
from audit_trail import chain_of, link_all, routing, tampering, write
from sqlalchemy import select, text

from worker.audit import verify
from worker.audit.records import append, content_of
from worker.audit.verify import verify_chains
from worker.db.engine import Database
from worker.db.tables import AuditLinkRow
from worker.db.transaction import Transaction

LINKS, EACH = 4, 3  # records 1 to 3, 4 to 6, ...
OTHER = content_of(routing(99))
OTHER_HASH = sha256(OTHER.encode()).hexdigest()


@pytest.fixture
def chained(database: Database) -> Database:
    """Four links of three records each, and a record that has none yet."""
    for number in range(LINKS):
        write(database, *(routing(EACH * number + each) for each in range(EACH)))
        link_all(database)
    write(database, routing(LINKS * EACH))
    return database


def run(tx: Transaction, statement: str) -> None:
    tx.execute(text(statement), {"content": OTHER, "hash": OTHER_HASH} if ":hash" in statement else {})


def exchange(tx: Transaction, first: int, second: int) -> None:
    run(tx, f"UPDATE audit_records SET id = -1 WHERE id = {first}")
    run(tx, f"UPDATE audit_records SET id = {first} WHERE id = {second}")
    run(tx, f"UPDATE audit_records SET id = {second} WHERE id = -1")


def sql(statement: str) -> Callable[[Transaction], None]:
    return lambda tx: run(tx, statement)


INSERT = "INSERT INTO audit_records (id, tenant_id, kind, content, hash) VALUES ({}, 1, 'routing', :content, :hash)"
MOVED = "record changed: it does not have its hash, kind or tenant"
CASES = {
    "a content": (sql("UPDATE audit_records SET content = :content WHERE id = 5 AND :hash = :hash"), 2, 5, MOVED),
    "a hash": (sql("UPDATE audit_records SET hash = :hash WHERE id = 5"), 2, 5, MOVED),
    "a kind": (sql("UPDATE audit_records SET kind = 'review' WHERE id = 5"), 2, 5, MOVED),
    "a record with its hash": (
        sql("UPDATE audit_records SET content = :content, hash = :hash WHERE id = 5"),
        2, None, "link changed, or records changed together with their hashes",
    ),
    "a record deleted": (sql("DELETE FROM audit_records WHERE id = 5"), 2, None, "record missing: 1 of 3"),
    "a record of another tenant": (
        sql("UPDATE audit_records SET tenant_id = 2 WHERE id = 5"), 2, None, "record missing: 1 of 3",
    ),
    "neighbours exchanged": (
        lambda tx: exchange(tx, 5, 6), 2, 5, "order changed: it stands where the record after it was",
    ),
    "records of two links exchanged": (
        lambda tx: exchange(tx, 2, 8), 1, None, "link changed, or records changed together with their hashes",
    ),
    "a link's hash": (
        sql("UPDATE audit_links SET hash = :hash WHERE number = 2"),
        2, None, "link changed: the next one was made with another hash of it",
    ),
    "the last link's hash": (
        sql("UPDATE audit_links SET hash = :hash WHERE number = 4"),
        4, None, "link changed, or records changed together with their hashes",
    ),
    "a link's count": (
        sql("UPDATE audit_links SET record_count = 2 WHERE number = 2"),
        2, None, "link changed: it says another count of records than its hash",
    ),
    "a link's count, absurdly": (
        sql("UPDATE audit_links SET record_count = 1000000 WHERE number = 2"),
        2, None, "link changed: no link covers 1000000 records",
    ),
    "a link's end": (
        sql("UPDATE audit_links SET last_record_id = 3 WHERE number = 2"),
        2, None, "link changed: it ends where the one before it ends, or earlier",
    ),
    "a link deleted": (sql("DELETE FROM audit_links WHERE number = 2"), 2, None, "link missing"),
    "the first link deleted": (sql("DELETE FROM audit_links WHERE number = 1"), 1, None, "link missing"),
    "a record that has no link yet": (sql("UPDATE audit_records SET hash = :hash WHERE id = 13"), None, 13, MOVED),
}  # fmt: skip


def test_an_intact_chain_is_told_with_its_counts(chained: Database) -> None:
    """Records with a link and without, and the head."""
    chain = chain_of(chained)
    assert (chain.tenant, chain.links, chain.records, chain.unlinked) == ("default", LINKS, LINKS * EACH, 1)
    assert chain.broken is None
    assert len(chain.head or "") == 64


@pytest.mark.parametrize("case", CASES)
def test_tampering_is_seen_and_named(chained: Database, case: str) -> None:
    """The link, the record where one hash can tell, and what does not match."""
    tamper, link, record, what = CASES[case]
    with tampering(chained) as tx:
        tamper(tx)
    broken = chain_of(chained).broken
    assert broken is not None
    assert (broken.link, broken.record, broken.what) == (link, record, what)


@pytest.mark.parametrize(("ids", "record"), [((25,), 25), ((21, 22), None)])
def test_inserted_records_are_seen(database: Database, ids: tuple[int, ...], record: int | None) -> None:
    """Put into a gap of ids, as a transaction that was rolled back leaves it; one alone is named."""
    write(database, *(routing(number) for number in range(5)))
    with tampering(database) as tx:
        run(tx, "UPDATE audit_records SET id = -10 * id")
        run(tx, "UPDATE audit_records SET id = -id")
    link_all(database)
    with tampering(database) as tx:
        for number in ids:
            run(tx, INSERT.format(number))
    broken = chain_of(database).broken
    assert broken is not None
    assert (broken.link, broken.record, broken.what) == (1, record, "record added")


@pytest.mark.parametrize("page", [1, 2, 5, 5000])
def test_pages_of_any_size_find_the_same(chained: Database, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link may end in the middle of a page, or need several."""
    monkeypatch.setattr(verify, "_PAGE", page)
    monkeypatch.setattr(verify, "_LINKS", max(1, page // 2))
    chain = chain_of(chained)
    assert (chain.records, chain.unlinked, chain.broken) == (LINKS * EACH, 1, None)


def test_a_cut_end_is_seen_by_a_head_that_was_noted(chained: Database) -> None:
    """Links and records gone together leave a whole chain, which does not have the head any more."""
    head = chain_of(chained).head
    assert head is not None
    write(chained, routing(100))
    link_all(chained)
    assert chain_of(chained, 1, head).broken is None  # it has grown since
    with tampering(chained) as tx:
        run(tx, "DELETE FROM audit_links WHERE number >= 4")
        run(tx, "DELETE FROM audit_records WHERE id > 9")
    assert chain_of(chained).broken is None
    broken = chain_of(chained, 1, head).broken
    assert broken is not None
    assert head in broken.what


def test_a_head_is_looked_for_in_all_chains(chained: Database) -> None:
    """Without naming the tenant; each chain is told."""
    write(chained, routing(1, tenant=0))
    link_all(chained)
    first, second = verify_chains(chained)
    assert (first.tenant, second.tenant) == ("*", "default")
    assert not any(chain.broken for chain in verify_chains(chained, None, [first.head or "", second.head or ""]))
    assert [bool(chain.broken) for chain in verify_chains(chained, None, ["0" * 64])] == [False, True]


def test_a_chain_without_a_single_record_left_is_broken(chained: Database) -> None:
    """The links are still there, and say what they covered."""
    with tampering(chained) as tx:
        run(tx, "DELETE FROM audit_records")
    broken = chain_of(chained).broken
    assert broken is not None
    assert broken.what == "record missing: 3 of 3"


def test_a_forged_chain_has_another_head(chained: Database) -> None:
    """Who may write everything can make a whole chain anew; not one that has the noted head."""
    head = chain_of(chained).head or ""
    with tampering(chained) as tx:
        run(tx, "UPDATE audit_records SET content = :content, hash = :hash WHERE id = 5")
        run(tx, "DELETE FROM audit_links")
    link_all(chained)
    with chained.read() as tx:
        assert tx.scalar(select(AuditLinkRow.number).where(AuditLinkRow.hash == head)) is None
    assert chain_of(chained).broken is None
    assert chain_of(chained, 1, head).broken is not None


def test_nothing_at_all_is_intact(database: Database) -> None:
    """No chain, unless one is asked for, or a head."""
    assert list(verify_chains(database)) == []
    assert chain_of(database).head is None
    (chain,) = verify_chains(database, None, ["a" * 64])
    assert chain.broken is not None


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
def test_a_chain_is_never_in_memory_as_a_whole(database: Database) -> None:
    """Forty thousand records, some 30 MB, linked and not, in less than 15."""
    for start in range(0, 40_000, 2000):
        with database.write() as tx:
            append(tx, (routing(number) for number in range(start, start + 2000)))
        if start == 20_000:
            link_all(database)
    tracemalloc.start()
    try:
        chain = chain_of(database)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (chain.records, chain.unlinked, chain.broken) == (22_000, 18_000, None)
    assert peak < 15_000_000
