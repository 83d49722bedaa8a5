"""Keys of tenants: made, listed, rotated, revoked, and looked up. A key is shown once, and kept as its SHA-256."""

import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from math import isfinite
from typing import Any, Literal

from sqlalchemy import ColumnElement, Float, case, func, insert, literal, or_, select, update
from sqlalchemy import cast as sql_cast

from worker.audit.records import KeyRecord, append
from worker.db.engine import Database
from worker.db.tables import KeyRow, TenantRow
from worker.db.transaction import Transaction
from worker.dispatch.queues import tenant_number
from worker.errors import InvalidMoveError, LookupFailedError, SubmissionError

MAX_RATE_PER_S = 1e6
_SECRET_BYTES = 32
_FORM = re.compile(r"cladist_(?P<id>[1-9][0-9]{0,8})_[A-Za-z0-9_-]{43}")  # 32 bytes are 43 signs of base64
_SEEN_EVERY = timedelta(minutes=1)


class Scope(StrEnum):
    """What a key may be used for."""

    READ = "read"  # ask
    SUBMIT = "submit"  # submit, cancel and retry jobs
    REVIEW = "review"  # resolve reviews
    ADMIN = "admin"  # see keys, delete assets


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is shown once."""

    id: int
    key: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key a request came with. `database` holds no row of anybody else: all that is done goes through it."""

    key_id: int
    tenant_id: int
    tenant: str
    scopes: frozenset[Scope]
    rate_per_s: float | None
    database: Database

    @property
    def by(self) -> str:
        """As records name who did it."""
        return f"key {self.key_id}"


def create_key(
    database: Database, tenant: str, scopes: Collection[Scope], by: str, rate_per_s: float | None = None
) -> NewKey:
    """Make a key for a tenant, on the record. Raises SubmissionError on a name, scope or rate that is none."""
    if not scopes:
        raise SubmissionError("a key needs a scope")
    if rate_per_s is not None and not (isfinite(rate_per_s) and 0 < rate_per_s <= MAX_RATE_PER_S):
        raise SubmissionError(f"a rate is above 0 and at most {MAX_RATE_PER_S:g} requests a second")
    with database.write() as tx:
        values = {
            "tenant_id": tenant_number(tx, tenant),
            "sha256": "",
            "scopes": _as_text(scopes),
            "rate_per_s": rate_per_s,
            "tokens": 0.0,
            "refilled_s": 0.0,
            "created_at": tx.now(),
            "created_by": by,
        }
        key_id = tx.execute(insert(KeyRow).values(values).returning(KeyRow.id)).scalar_one()
        return _give_secret(tx, tx.get_one(KeyRow, key_id), "create", by)


def rotate_key(database: Database, key_id: int, by: str) -> NewKey:
    """Another key of the same id and scopes; the one before is refused from now on. Raises InvalidMoveError."""
    with database.write() as tx:
        row = _standing(tx, key_id)
        row.rotated_at = tx.now()
        return _give_secret(tx, row, "rotate", by)


def revoke_key(database: Database, key_id: int, by: str) -> dict[str, Any]:
    """Refuse a key from now on, for good; return what is known of it. Raises InvalidMoveError when it was before."""
    with database.write() as tx:
        row = _standing(tx, key_id)
        row.revoked_at = tx.now()
        _record(tx, row, "revoke", by)
        tx.flush()
        return _as_dict(row, tx.get_one(TenantRow, row.tenant_id).name)


def list_keys(tx: Transaction, tenant: str | None = None) -> list[dict[str, Any]]:
    """All keys by number, those of one tenant where it is named; revoked ones too."""
    query = select(KeyRow, TenantRow.name).join(TenantRow, TenantRow.id == KeyRow.tenant_id).order_by(KeyRow.id)
    if tenant is not None:
        query = query.where(TenantRow.name == tenant)
    return [_as_dict(*row) for row in tx.execute(query)]


def find_caller(database: Database, presented: str) -> Caller | None:
    """Whose key this is; None for one that is none, or holds no more. Notes once a minute that it was used."""
    form = _FORM.fullmatch(presented)
    if form is None:
        return None
    with database.read() as tx:
        query = select(KeyRow, TenantRow.name).join(TenantRow, TenantRow.id == KeyRow.tenant_id)
        found = tx.execute(query.where(KeyRow.id == int(form["id"]))).one_or_none()
        if found is None:
            return None
        row, tenant = found
        is_right = hmac.compare_digest(row.sha256, _hashed(presented))
        if not is_right or row.revoked_at is not None:
            return None
        is_stale = row.used_at is None or row.used_at < tx.now() - _SEEN_EVERY
        key_id, tenant_id, rate_per_s = row.id, row.tenant_id, row.rate_per_s
        scopes = frozenset(map(Scope, row.scopes.split(",")))
    if is_stale:
        _note_use(database, key_id)
    return Caller(key_id, tenant_id, tenant, scopes, rate_per_s, database.of_tenant(tenant_id))


def take_turn(caller: Caller) -> float:
    """Count a request against the rate of its key; 0.0, or after how many seconds the next one is allowed.

    A bucket of tokens in the key's row, filled at its rate up to what one second brings: the rate holds over all
    processes, and one UPDATE decides.
    """
    if caller.rate_per_s is None:
        return 0.0
    rate_per_s, most = caller.rate_per_s, max(1.0, caller.rate_per_s)
    with caller.database.write() as tx:
        now_s = _now_s(tx)
        gained = KeyRow.tokens + (now_s - KeyRow.refilled_s) * rate_per_s
        filled = case((gained > most, most), else_=gained)
        taken = (
            update(KeyRow)
            .where(KeyRow.id == caller.key_id, filled >= 1.0)
            .values(tokens=filled - 1.0, refilled_s=now_s)
        )
        done = tx.execute(taken.returning(KeyRow.id).execution_options(synchronize_session=False)).scalar()
        if done is not None:
            return 0.0
        lacking: float = tx.execute(select(1.0 - filled).where(KeyRow.id == caller.key_id)).scalar() or 0.0
    return max(lacking / rate_per_s, 0.001)


def _now_s(tx: Transaction) -> ColumnElement[float]:
    """The database's clock as Unix time, read inside the statement."""
    if tx.is_sqlite:
        return literal(tx.now().timestamp(), Float)
    return sql_cast(func.extract("epoch", func.clock_timestamp()), Float)


def _note_use(database: Database, key_id: int) -> None:
    with database.write() as tx:
        now = tx.now()
        stale = or_(KeyRow.used_at.is_(None), KeyRow.used_at < now - _SEEN_EVERY)
        tx.execute(update(KeyRow).where(KeyRow.id == key_id, stale).values(used_at=now))


def _standing(tx: Transaction, key_id: int) -> KeyRow:
    row = tx.scalar(select(KeyRow).where(KeyRow.id == key_id).with_for_update())
    if row is None:
        raise LookupFailedError(f"no key has the id {key_id}")
    if row.revoked_at is not None:
        raise InvalidMoveError(f"key {key_id} was revoked")
    return row


def _give_secret(tx: Transaction, row: KeyRow, how: Literal["create", "rotate"], by: str) -> NewKey:
    key = f"cladist_{row.id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    row.sha256 = _hashed(key)
    _record(tx, row, how, by)
    return NewKey(row.id, key)


def _record(tx: Transaction, row: KeyRow, how: Literal["create", "rotate", "revoke"], by: str) -> None:
    append(tx, [KeyRecord(at=tx.now(), tenant=row.tenant_id, how=how, key=row.id, scopes=row.scopes, by=by)])


def _hashed(key: str) -> str:
    """Plain SHA-256: of 32 random bytes nobody can try all, so nothing slower is needed."""
    return sha256(key.encode()).hexdigest()


def _as_text(scopes: Collection[Scope]) -> str:
    return ",".join(scope.value for scope in Scope if scope in scopes)


def _as_dict(row: KeyRow, tenant: str) -> dict[str, Any]:
    times = {"rotated_at": row.rotated_at, "revoked_at": row.revoked_at, "used_at": row.used_at}
    return {
        "id": row.id,
        "tenant": tenant,
        "scopes": row.scopes.split(","),
        "rate_per_s": row.rate_per_s,
        "created_at": row.created_at.isoformat(),
        "created_by": row.created_by,
        **{name: None if at is None else at.isoformat() for name, at in times.items()},
    }
