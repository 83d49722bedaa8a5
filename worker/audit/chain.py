"""One chain of links for each tenant, made after the records were committed: the pipeline waits for no lock.

A link covers up to LINK_RECORDS records, in order of id, that no link covers yet. Its hash is the SHA-256 of lines: the
hash of the link before it (64 zeros before the first), the tenant's number, its own number, the id of its last record,
their count, and then the hash of each record. Whoever holds the tenant's turn makes the next link.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import insert, select

from worker.db.engine import Database
from worker.db.statements.audit_rows import select_records_of
from worker.db.statements.distinct import distinct_values
from worker.db.statements.horizon import Horizon
from worker.db.statements.locks import take_chain_lock
from worker.db.tables import AuditLinkRow, AuditRecordRow
from worker.db.transaction import Transaction

LINK_RECORDS = 1000
_ROUND_LINKS = 200  # in one round at most: a thread must show now and then that it is alive
BEFORE_THE_FIRST = "0" * 64


@dataclass(frozen=True, slots=True)
class Link:
    """Where a link stands in its chain, and what it covers."""

    tenant: int
    number: int  # 1, 2, ...
    last_record_id: int
    record_count: int


def link_hash(previous: str, link: Link, record_hashes: Iterable[str]) -> str:
    """The hash of a link over the link before it and the records that it covers."""
    head = (previous, str(link.tenant), str(link.number), str(link.last_record_id), str(link.record_count))
    return sha256("\n".join((*head, *record_hashes, "")).encode()).hexdigest()


class Linker:
    """Links what was recorded, a round at a time. It keeps in mind how far it has come, and what it waits for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._linked_to: int | None = None  # all records up to this id have links; None: not known yet
        self._horizon = Horizon(AuditRecordRow)
        self._behind: deque[int] = deque()  # tenants that are not linked up to `_up_to` yet
        self._up_to = 0
        self._is_passed_over = False  # whether another process held the turn of one of them

    def link(self) -> int:
        """Link records that are safe, those of one tenant after another's; return how many links were made.

        A backlog takes several rounds. Tenants whose turn another process holds are passed over until the next one.
        Raises DatabaseError.
        """
        if not self._behind:
            self._look()
        made = 0
        while self._behind and made < _ROUND_LINKS:
            count = link_next(self._database, self._behind[0], self._up_to)
            made += bool(count)
            if not count:
                self._is_passed_over |= count is None
                self._behind.popleft()
        if not self._behind and not self._is_passed_over and self._up_to:
            self._linked_to = self._up_to
        return made

    def _look(self) -> None:
        """See which tenants have records without links; the rounds that follow link those before it looks again."""
        up_to = self._safe_id()
        if up_to is not None:
            with self._database.read() as tx:
                self._behind = deque(self._tenants_behind(tx, up_to))
            self._up_to, self._is_passed_over = up_to, False

    def _safe_id(self) -> int | None:
        """The id that may be linked up to; None when there is nothing new, or when it is not safe yet."""
        with self._database.read() as tx:
            if self._horizon.newest_id(tx) == (self._linked_to or 0):
                return None
            safe = self._horizon.safe_id(tx)
        return safe if safe > (self._linked_to or 0) else None

    def _tenants_behind(self, tx: Transaction, up_to: int) -> list[int]:
        ids = AuditRecordRow.id
        if self._linked_to is not None:
            new = select(AuditRecordRow.tenant_id).where(ids > self._linked_to, ids <= up_to).distinct()
            return sorted(tx.scalars(new))
        return list(tx.scalars(distinct_values(AuditRecordRow.tenant_id)))


def link_next(database: Database, tenant: int, up_to: int) -> int | None:
    """Make a tenant's next link of records up to an id that is safe; return how many records it covers.

    0: there are none left. None: another process holds this tenant's turn.
    """
    with database.write() as tx:
        if not take_chain_lock(tx, tenant):
            return None
        last = last_link(tx, tenant)
        after, number, previous = (last.last_record_id, last.number, last.hash) if last else (0, 0, BEFORE_THE_FIRST)
        records = select_records_of(tx, tenant, ("id", "hash"), after=after, up_to=up_to, limit=LINK_RECORDS)
        found = tx.execute(records).all()
        if not found:
            return 0
        link = Link(tenant, number + 1, found[-1].id, len(found))
        hashed = link_hash(previous, link, (row.hash for row in found))
        tx.execute(
            insert(AuditLinkRow).values(
                tenant_id=tenant,
                number=link.number,
                last_record_id=link.last_record_id,
                record_count=link.record_count,
                hash=hashed,
                created_at=tx.now(),
            )
        )
        return len(found)


def last_link(tx: Transaction, tenant: int) -> AuditLinkRow | None:
    """The head of a tenant's chain; None where it has no link yet."""
    mine = select(AuditLinkRow).where(AuditLinkRow.tenant_id == tenant)
    return tx.scalar(mine.order_by(AuditLinkRow.number.desc()).limit(1))
