"""Follow the chains from their first link, and say where one is broken. Nothing is held of a table but a few pages."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import accumulate
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.exc import OperationalError

from worker.audit.chain import BEFORE_THE_FIRST, LINK_RECORDS, Link, link_hash
from worker.audit.diagnosis import what_is_wrong
from worker.db.engine import Database
from worker.db.statements.audit_rows import LAST_ID, select_records_of
from worker.db.statements.distinct import distinct_values
from worker.db.tables import EVERY_TENANT, AuditLinkRow, AuditRecordRow, TenantRow
from worker.db.transaction import Transaction

EVERY_TENANT_NAME = "*"  # the chain of what holds for all tenants
_UNDECODABLE = "decode to UTF-8"  # what SQLite says of a text that is none
_PAGE = 5000  # records
_LINKS = 500


Stored = Row[*tuple[Any, ...]]  # id, kind, content and hash of a record as it lies in the table
_STORED = ("id", "kind", "content", "hash")
_ID, _HASH = 0, 3


@dataclass(frozen=True, slots=True)
class Break:
    """The first thing that does not match in a chain: in which link, and in which record where that is known."""

    link: int | None  # None: behind the last link
    record: int | None
    what: str


@dataclass(frozen=True, slots=True)
class Chain:
    """What was found of one tenant's chain; the counts are of what was read until it broke."""

    tenant: str
    links: int
    records: int  # with a link
    unlinked: int
    head: str | None  # the hash of the last link
    broken: Break | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def verify_chains(database: Database, tenant: int | None = None, heads: Iterable[str] = ()) -> Iterator[Chain]:
    """Verify each tenant's chain, or one tenant's.

    heads: hashes of links that were noted elsewhere. One that no chain has any more breaks the last one: the chain was
    cut behind that link, or written anew.
    """
    missing = set(heads)
    with database.read() as tx:
        tenants = [tenant] if tenant is not None else _tenants(tx)
        names = _names(tx)
        last: Chain | None = None
        for number in tenants:
            if last is not None:
                yield last
            last = _Walk(tx, number, names.get(number, f"number {number}"), missing).chain()
    if missing:
        cut = Break(None, None, f"no link has the noted head {min(missing)}: the end was cut off, or written anew")
        if last is None:
            last = Chain("", 0, 0, 0, None, cut)
        elif last.broken is None:
            last = Chain(last.tenant, last.links, last.records, last.unlinked, last.head, cut)
    if last is not None:
        yield last


class _Walk:
    """One walk along a chain."""

    def __init__(self, tx: Transaction, tenant: int, name: str, heads: set[str]) -> None:
        self._tx = tx
        self._tenant = tenant
        self._name = name
        self._heads = heads
        self._number = self._last_id = self._records = self._unlinked = 0
        self._hash = BEFORE_THE_FIRST

    def chain(self) -> Chain:
        """The whole of it, or as far as it holds."""
        try:
            broken = self._linked() or self._tail()
        except (TypeError, ValueError, AttributeError, OperationalError) as error:
            if isinstance(error, OperationalError) and _UNDECODABLE not in str(error):
                raise
            broken = Break(self._number + 1, None, "changed: a value of another type than links and records have")
        head = self._hash if self._number else None
        return Chain(self._name, self._number, self._records, self._unlinked, head, broken)

    def _linked(self) -> Break | None:
        while links := self._next_links():
            records = _Records(self._tx, self._tenant, self._last_id, links[-1].last_record_id)
            for row in links:
                link = Link(self._tenant, row.number, row.last_record_id, row.record_count)
                broken = self._out_of_place(link) or self._follow(link, row.hash, records)
                if broken is not None:
                    return broken
        return None

    def _next_links(self) -> Sequence[AuditLinkRow]:
        """Links of about a page of records, so that no query speaks of more than a page, whatever plan it gets."""
        after = AuditLinkRow.tenant_id == self._tenant, AuditLinkRow.number > self._number
        self._tx.expunge_all()
        links = self._tx.scalars(select(AuditLinkRow).where(*after).order_by(AuditLinkRow.number).limit(_LINKS)).all()
        counts = accumulate(max(link.record_count, 1) for link in links)
        return links[: 1 + sum(count < _PAGE for count in counts)]

    def _out_of_place(self, link: Link) -> Break | None:
        if link.number != self._number + 1:
            return Break(self._number + 1, None, "link missing")
        if link.last_record_id <= self._last_id:
            return Break(link.number, None, "link changed: it ends where the one before it ends, or earlier")
        if not 1 <= link.record_count <= LINK_RECORDS:
            return Break(link.number, None, f"link changed: no link covers {link.record_count} records")
        return None

    def _follow(self, link: Link, stored_hash: str, records: "_Records") -> Break | None:
        found = records.take(link.last_record_id, link.record_count + 1)
        wrong = first_wrong(self._tenant, found)
        if wrong is not None:
            return Break(link.number, wrong, "record changed: it does not have its hash, kind or tenant")
        hashes = [record[_HASH] for record in found]
        hashed = link_hash(self._hash, link, hashes)
        if len(found) == link.record_count and hashed != stored_hash and self._next_follows(link, hashed):
            return Break(link.number, None, "link changed: the next one was made with another hash of it")
        if len(found) != link.record_count or hashed != stored_hash:
            record, what = what_is_wrong(self._hash, link, stored_hash, [(each[_ID], each[_HASH]) for each in found])
            return Break(link.number, record, what)
        self._heads.discard(stored_hash)
        self._number, self._last_id, self._hash = link.number, link.last_record_id, stored_hash
        self._records += link.record_count
        return None

    def _next_follows(self, link: Link, hashed: str) -> bool:
        """Whether the link behind this one holds, if this one had another hash than is stored."""
        row = self._tx.get(AuditLinkRow, (self._tenant, link.number + 1))
        if row is None or not 1 <= row.record_count <= LINK_RECORDS:
            return False
        following = Link(self._tenant, row.number, row.last_record_id, row.record_count)
        records = _Records(self._tx, self._tenant, link.last_record_id, row.last_record_id)
        found = [record[_HASH] for record in records.take(row.last_record_id, row.record_count + 1)]
        return link_hash(hashed, following, found) == row.hash

    def _tail(self) -> Break | None:
        for page in _Records(self._tx, self._tenant, self._last_id, LAST_ID).pages():
            wrong = first_wrong(self._tenant, page)
            if wrong is not None:
                return Break(None, wrong, "record changed: it does not have its hash, kind or tenant")
            self._unlinked += len(page)
        return None


class _Records:
    """The records of a tenant with ids above one and up to another, by id, a page at a time."""

    def __init__(self, tx: Transaction, tenant: int, after: int, up_to: int) -> None:
        self._tx = tx
        self._tenant = tenant
        self._after = after
        self._up_to = up_to
        self._page: Sequence[Stored] = []
        self._ids: list[int] = []
        self._place = 0

    def take(self, up_to: int, most: int) -> list[Stored]:
        """The next ones up to an id, no more than so many."""
        found: list[Stored] = []
        while len(found) < most and (self._place < len(self._page) or self._turn()):
            end = min(bisect_right(self._ids, up_to), self._place + most - len(found))
            found += self._page[self._place : end]
            self._place = max(end, self._place)
            if end < len(self._page):
                break
        return found

    def pages(self) -> Iterator[Sequence[Stored]]:
        """All of them."""
        while self._turn():
            yield self._page

    def _turn(self) -> bool:
        between = {"after": self._after, "up_to": self._up_to}
        query = select_records_of(self._tx, self._tenant, _STORED, limit=_PAGE, **between)
        self._page = self._tx.execute(query).all()
        self._ids = [each[_ID] for each in self._page]
        self._place = 0
        if self._page:
            self._after = self._ids[-1]
        return bool(self._page)


def first_wrong(tenant: int, records: Iterable[Stored]) -> int | None:
    """The id of the first record that is not what its hash says, or says another kind or tenant than its row.

    Keys are looked for as text: inside of a JSON text their quotes would have backslashes.
    """
    last, owner = f'"tenant":{tenant}}}', f'"tenant":{tenant},'
    for id_, kind, content, hash_ in records:
        if sha256(content.encode()).hexdigest() != hash_ or f'"kind":"{kind}"' not in content:
            return int(id_)
        if not content.endswith(last) and owner not in content:
            return int(id_)
    return None


def _tenants(tx: Transaction) -> list[int]:
    columns = AuditRecordRow.tenant_id, AuditLinkRow.tenant_id
    return sorted({tenant for column in columns for tenant in tx.scalars(distinct_values(column))})


def _names(tx: Transaction) -> dict[int, str]:
    return {EVERY_TENANT: EVERY_TENANT_NAME, **dict(tx.execute(select(TenantRow.id, TenantRow.name)).all())}
