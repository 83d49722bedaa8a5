"""Chains: made beside many writers, whole whatever is committed when."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from audit_trail import chain_of, link_all, routing, write
from sqlalchemy import func, select, text

from worker.audit.chain import BEFORE_THE_FIRST, LINK_RECORDS, Link, Linker, link_hash, link_next
from worker.audit.records import append
from worker.audit.verify import verify_chains
from worker.db.engine import Database
from worker.db.statements.horizon import Horizon
from worker.db.statements.locks import take_chain_lock
from worker.db.tables import AuditLinkRow, AuditRecordRow
from worker.settings import Settings

ON_SERVERS = pytest.mark.parametrize("settings", [pytest.param("servers", marks=pytest.mark.service)], indirect=True)
WRITERS, ROUNDS = 6, 40


def links(database: Database) -> list[tuple[int, int, int]]:
    with database.read() as tx:
        rows = tx.scalars(select(AuditLinkRow).order_by(AuditLinkRow.tenant_id, AuditLinkRow.number))
        return [(row.tenant_id, row.number, row.record_count) for row in rows]


def test_a_link_covers_what_came_since_the_last_one(database: Database) -> None:
    """By tenant; a round without anything new makes none."""
    linker = Linker(database)
    assert linker.link() == 0
    write(database, routing(1), routing(2), routing(3, tenant=2))
    assert linker.link() == 2
    assert linker.link() == 0
    write(database, routing(4, tenant=2))
    assert linker.link() == 1
    assert links(database) == [(1, 1, 2), (2, 1, 1), (2, 2, 1)]


def test_the_hash_is_that_of_the_page(database: Database) -> None:
    """Lines that anyone can hash: the one before, tenant, number, last record, count, and each record's."""
    write(database, routing(1), routing(2))
    link_all(database)
    with database.read() as tx:
        hashes = tx.scalars(select(AuditRecordRow.hash).order_by(AuditRecordRow.id)).all()
        found = tx.scalars(select(AuditLinkRow)).one()
    assert found.hash == link_hash(BEFORE_THE_FIRST, Link(1, 1, 2, 2), hashes)


def test_a_backlog_is_linked_in_bounded_links(database: Database) -> None:
    """So many records each at most, and the rest in the last."""
    with database.write() as tx:
        append(tx, (routing(number) for number in range(2 * LINK_RECORDS + 5)))
    assert link_all(database) == 3
    assert [count for _, _, count in links(database)] == [LINK_RECORDS, LINK_RECORDS, 5]
    assert chain_of(database).records == 2 * LINK_RECORDS + 5


def test_a_linker_that_starts_anew_goes_on(database: Database) -> None:
    """What another one linked is not linked again."""
    write(database, routing(1))
    link_all(database)
    write(database, routing(2))
    link_all(database)
    assert links(database) == [(1, 1, 1), (1, 2, 1)]


def test_chains_are_whole_beside_many_writers(database: Database) -> None:
    """Six threads write for three tenants while two link: every record is in one link, and the order holds."""
    stop = threading.Event()

    def write_some(writer: int) -> None:
        for number in range(ROUNDS):
            with database.write() as tx:
                append(tx, [routing(writer * 1000 + number, tenant=1 + (writer + number) % 3)])
                append(tx, [routing(writer * 1000 + 500 + number)])

    def link_on() -> int:
        linker, made = Linker(database), 0
        while not stop.is_set():
            made += linker.link()
        return made

    with ThreadPoolExecutor(WRITERS + 2) as pool:
        linking = [pool.submit(link_on) for _ in range(2)]
        for each in [pool.submit(write_some, writer) for writer in range(WRITERS)]:
            each.result()
        stop.set()
        made = sum(each.result() for each in linking)
    link_all(database)
    chains = list(verify_chains(database))
    assert [chain.broken for chain in chains] == [None, None, None]
    assert sum(chain.records for chain in chains) == 2 * WRITERS * ROUNDS
    assert sum(chain.unlinked for chain in chains) == 0
    assert made > 3  # while they wrote


@ON_SERVERS
def test_a_record_that_is_committed_late_is_waited_for(database: Database) -> None:
    """Number 1 is still open when number 2 is there: nothing is linked before both are."""
    linker = Linker(database)
    with database.write() as late:
        append(late, [routing(1)])
        write(database, routing(2))
        assert [linker.link() for _ in range(3)] == [0, 0, 0]
    assert linker.link() == 1
    assert links(database) == [(1, 1, 2)]
    assert chain_of(database).broken is None


@ON_SERVERS
def test_a_late_record_of_a_newer_transaction_is_waited_for(database: Database) -> None:
    """The one that is open began after the one that ended: the snapshot's xmax would call that safe."""
    with database.write() as early, database.write() as late:
        early.execute(text("SELECT pg_current_xact_id()"))
        append(late, [routing(1)])  # a newer transaction takes the smaller id
        append(early, [routing(2)])
        early.commit()
        horizon = Horizon(AuditRecordRow)
        for _ in range(2):
            with database.read() as tx:
                assert horizon.safe_id(tx) == 0
        late.commit()
    with database.read() as tx:
        assert horizon.safe_id(tx) == 2


@ON_SERVERS
def test_who_only_reads_holds_nobody_up(database: Database) -> None:
    """A long read has no transaction id."""
    with database.read() as reader:
        reader.scalar(select(func.count()).select_from(AuditRecordRow))
        write(database, routing(1))
        assert Linker(database).link() == 1


@ON_SERVERS
def test_one_process_links_a_tenant_at_a_time(database: Database) -> None:
    """The other passes it over, links the rest, and makes up for it in a later round."""
    write(database, routing(1), routing(2, tenant=2))
    linker = Linker(database)
    with database.write() as other:
        assert take_chain_lock(other, 1)
        assert link_next(database, 1, 2) is None
        assert linker.link() == 1
    assert linker.link() == 1
    assert links(database) == [(1, 1, 1), (2, 1, 1)]


@ON_SERVERS
def test_writers_wait_for_no_link(database: Database) -> None:
    """While somebody holds the turn, and the table of links, records are committed."""
    write(database, routing(1))
    with database.write() as other:
        take_chain_lock(other, 1)
        other.execute(text("LOCK TABLE audit_links IN ACCESS EXCLUSIVE MODE"))
        with database.write() as tx:
            tx.execute(text("SET LOCAL lock_timeout = '1s'"))
            append(tx, [routing(2)])
    link_all(database)
    assert chain_of(database).records == 2


def test_a_worker_links_what_it_recorded(settings: Settings, database: Database) -> None:
    """Its last records too: a round after its threads have ended."""
    from worker.process.bootstrap import bootstrap  # noqa: PLC0415 (loads the model's libraries)
    from worker.process.service import run_worker  # noqa: PLC0415 (likewise)

    write(database, routing(1))
    services = bootstrap(settings)
    run_worker(services, drain=True)
    services.database.close()
    chain = chain_of(database)
    assert (chain.records, chain.unlinked, chain.broken) == (1, 0, None)
