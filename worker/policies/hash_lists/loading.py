"""The hash lists that a worker holds in memory, and the one question asked of them: which of them know this content."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from worker.db.engine import Database
from worker.db.tables import EVERY_TENANT, HashListRow
from worker.errors import DatabaseError
from worker.policies.hash_lists.entries import PDQ, SHA256
from worker.policies.hash_lists.index import DigestSet, PdqIndex
from worker.policies.hash_lists.storage import read_entries

log = logging.getLogger("cladist.policies")

CHECK_S = 2.0  # how often the database is asked which lists there are
MIN_QUALITY = 50  # of a PDQ hash: pictures below have too little in them to be told from others, as its authors advise
SURE = 100  # the quality of a hash that somebody vouches for


class Match(NamedTuple):
    """A list that knows some content. distance: bits in which its nearest PDQ hash differs; 0 of a SHA-256."""

    name: str
    kind: str
    distance: int
    skip_model: bool


class Head(NamedTuple):
    """What the database says of a list without its entries; another one whenever the list was changed."""

    id: int
    tenant_id: int
    name: str
    max_distance: int
    skip_model: bool
    version: int
    updated_at: datetime  # a deleted list's number may be given again


@dataclass(frozen=True, slots=True)
class HashList:
    """One loaded list."""

    head: Head
    pdq: PdqIndex
    sha256: DigestSet

    def match(self, sha256: bytes | None, pdq: bytes | None) -> Match | None:
        """How the list knows this content, by its bytes before its looks; None if it does not."""
        head = self.head
        if sha256 is not None and sha256 in self.sha256:
            return Match(head.name, SHA256, 0, head.skip_model)
        distance = None if pdq is None else self.pdq.nearest(pdq, head.max_distance)
        return None if distance is None else Match(head.name, PDQ, distance, head.skip_model)


class KnownContent:
    """The lists of the tenants that were asked for, in the versions that the database had a few seconds ago.

    Any thread may ask. Versions are looked up, and lists loaded, outside of locks: while one thread loads a new version
    the others go on with the one before, and who finds none waits for it. Lists stay in memory until they are deleted.
    """

    def __init__(
        self, database: Database, check_s: float = CHECK_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._check_s = check_s
        self._clock = clock
        self._lock = threading.Lock()
        self._heads: Mapping[int, tuple[Head, ...]] | None = None  # by tenant; None until they were read
        self._due = 0.0  # by the clock: when they are to be read again
        self._ready: dict[int, HashList] = {}  # by the number of the list, as loaded last
        self._loading: dict[Head, Future[HashList]] = {}

    def matches(self, tenant_id: int, sha256: str, pdq: str, pdq_quality: int) -> tuple[str, ...]:
        """The names of the lists that know this content, sorted. Raises DatabaseError as `find` does."""
        return tuple(match.name for match in self.find(tenant_id, sha256, pdq, pdq_quality))

    def find(self, tenant_id: int, sha256: str | None, pdq: str | None, pdq_quality: int) -> tuple[Match, ...]:
        """Each list of the tenant, or of every tenant, that knows this content; by name.

        sha256, pdq: 64 hexadecimal digits. A PDQ hash of a quality below 50 is not looked up. Raises DatabaseError when
        the lists were never read; those that were are used for as long as the database does not answer.
        """
        lists = self._lists_of(tenant_id)
        if not lists:
            return ()
        digest = bytes.fromhex(sha256) if sha256 else None
        bits = bytes.fromhex(pdq) if pdq and pdq_quality >= MIN_QUALITY else None
        found = (self._loaded(head).match(digest, bits) for head in lists)
        return tuple(match for match in found if match is not None)

    def _lists_of(self, tenant_id: int) -> tuple[Head, ...]:
        """The lists that hold for a tenant."""
        with self._lock:
            heads = self._heads
            is_due = self._clock() >= self._due
            if is_due and heads is not None:
                self._due = self._clock() + self._check_s  # the others go on meanwhile
        if heads is None or is_due:
            heads = self._look_up(heads)
        return heads.get(tenant_id, heads[EVERY_TENANT])

    def _look_up(self, known: Mapping[int, tuple[Head, ...]] | None) -> Mapping[int, tuple[Head, ...]]:
        try:
            with self._database.read() as tx:
                heads = _by_tenant([Head(*row) for row in tx.execute(_HEADS)])
        except DatabaseError as error:
            if known is None:
                raise
            log.warning("hash lists stay as they were known: %s", error)
            return known
        named = {head.id for lists in heads.values() for head in lists}
        with self._lock:
            self._heads, self._due = heads, self._clock() + self._check_s
            for list_id in self._ready.keys() - named:
                del self._ready[list_id]
        return heads

    def _loaded(self, head: Head) -> HashList:
        with self._lock:
            ready = self._ready.get(head.id)
            if ready is not None and ready.head == head:
                return ready
            future = self._loading.get(head)
            if future is not None and ready is not None:
                return ready
            is_mine = future is None
            future = self._loading.setdefault(head, Future())
        if is_mine:
            self._load(head, future)
        if ready is not None and isinstance(error := future.exception(), DatabaseError):
            log.warning("hash list %s stays as it was known: %s", head.name, error)
            return ready
        return future.result()

    def _load(self, head: Head, future: Future[HashList]) -> None:
        try:
            found = load_list(self._database, head)
        except BaseException as error:  # noqa: BLE001 (raised to all who wait for it)
            future.set_exception(error)
        else:
            with self._lock:
                self._ready[head.id] = found
            future.set_result(found)
        finally:
            with self._lock:
                del self._loading[head]


def load_list(database: Database, head: Head) -> HashList:
    """Read a list and index it, the work outside of any transaction. Raises DatabaseError."""
    started = time.monotonic()
    with database.read() as tx:
        pdq, sha256 = read_entries(tx, head.id, PDQ), read_entries(tx, head.id, SHA256)
    found = HashList(head, PdqIndex(pdq), DigestSet(sha256))
    took_s = time.monotonic() - started
    log.info("hash list %s, version %d: %d entries in %.1f s", head.name, head.version, len(pdq) + len(sha256), took_s)
    return found


def _by_tenant(heads: list[Head]) -> Mapping[int, tuple[Head, ...]]:
    """What holds for each tenant that has lists of its own, and for EVERY_TENANT: those of its own come first."""
    own: dict[int, dict[str, Head]] = defaultdict(dict)
    for head in heads:
        own[head.tenant_id][head.name] = head
    shared = own[EVERY_TENANT]
    return {tenant: tuple(lists[1] for lists in sorted({**shared, **mine}.items())) for tenant, mine in own.items()}


_HEADS = select(
    HashListRow.id,
    HashListRow.tenant_id,
    HashListRow.name,
    HashListRow.max_distance,
    HashListRow.skip_model,
    HashListRow.version,
    HashListRow.updated_at,
)
