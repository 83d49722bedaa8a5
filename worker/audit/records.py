"""What is recorded. A record holds no name of an asset, no URI and no metadata: assets are named by a hash."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from hashlib import sha256
from operator import attrgetter
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from worker.db.statements.rows import insert_rows
from worker.db.tables import AuditRecordRow
from worker.db.transaction import Transaction
from worker.states import Action

BY_POLICY = "policy"
_COLUMNS = ("tenant_id", "kind", "content", "hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every record says: when, and in which tenant's chain (`EVERY_TENANT` for what holds for all of them)."""

    kind: ClassVar[str]

    at: datetime  # by the database's clock
    tenant: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided(Record):
    """An action on an asset, and what it rests upon."""

    job: int
    asset_sha256: str  # of the asset's name
    action: Action
    review_queue: str | None = None
    by: str = BY_POLICY  # or a person's id
    content_sha256: str | None = None  # of what was decided on
    model: str | None = None  # names the exact weights, taxonomy and calibration
    release: str | None = None
    policy: str | None = None
    policy_version: int | None = None
    policy_sha256: str | None = None  # of its document
    rule: str | None = None  # None: the default of the policy
    node: str | None = None
    level: int | None = None
    confidence: float | None = None
    submitted_at: datetime | None = None  # when the asset came, as far as we know


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRecord(_Decided):
    """What a policy did with the decision of a job."""

    kind: ClassVar[str] = "routing"

    sampled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRecord(_Decided):
    """What a person decided; `before` is the action that stood until then."""

    kind: ClassVar[str] = "review"

    before: Action | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationRecord(Record):
    """Another version of a policy, bundle or taxonomy counts from now on, for real or as a shadow."""

    kind: ClassVar[str] = "activation"

    what: Literal["policy", "bundle", "release"]
    how: Literal["activate", "rollback", "shadow", "unshadow"] = "activate"
    name: str  # of the policy, the taxonomy, or the bundle's backbone
    version: str  # the number of a policy, the hash of a release, the model of a bundle
    sha256: str | None = None  # of a policy's document
    previous: str | None = None  # the version that counted before
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionRecord(Record):
    """That an asset was deleted with all that was known of it but its audit records."""

    kind: ClassVar[str] = "deletion"

    asset_sha256: str
    job_count: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRecord(Record):
    """That a list of known content was changed by a file, or deleted, upon which it has no entries."""

    kind: ClassVar[str] = "import"

    name: str
    version: int
    entry_count: int  # of the list, from now on
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord(Record):
    """That a key of the HTTP API was made, exchanged for another, or revoked; of the key itself it says nothing."""

    kind: ClassVar[str] = "key"

    how: Literal["create", "rotate", "revoke"]
    key: int  # its id
    scopes: str  # by commas
    by: str


_KINDS: Mapping[str, type[Record]] = MappingProxyType(
    {
        each.kind: each
        for each in (RoutingRecord, ReviewRecord, ActivationRecord, DeletionRecord, ImportRecord, KeyRecord)
    }
)
_NAMES = MappingProxyType({each: sorted(["kind", *(field.name for field in fields(each))]) for each in _KINDS.values()})
_VALUES: Mapping[type[Record], Callable[[Record], tuple[Any, ...]]] = MappingProxyType(
    {each: attrgetter(*names) for each, names in _NAMES.items()}
)
FIELDS = tuple(dict.fromkeys(field.name for each in _KINDS.values() for field in fields(each)))  # of all kinds
_TIMES = ("at", "submitted_at")


def append(tx: Transaction, records: Iterable[Record]) -> None:
    """Write records in this transaction: they are there if it commits. No lock; links are made later, see `chain`."""
    rows = []
    for record in records:
        content = content_of(record)
        rows.append((record.tenant, record.kind, content, sha256(content.encode()).hexdigest()))
    if rows:
        insert_rows(tx, AuditRecordRow, _COLUMNS, rows)


def content_of(record: Record) -> str:
    """Canonical JSON: keys sorted, no spaces, UTF-8, times in UTC to the microsecond."""
    cls = type(record)
    return _encode(dict(zip(_NAMES[cls], _VALUES[cls](record), strict=True)))


def read_record(kind: str, content: str) -> Record | None:
    """A record out of its row; what a newer release added to it is left out. None for a kind that is not known."""
    cls = _KINDS.get(kind)
    if cls is None:
        return None
    found: dict[str, Any] = json.loads(content)
    values = {field.name: found[field.name] for field in fields(cls) if field.name in found}
    for name in _TIMES:
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    for name in ("action", "before"):
        if values.get(name) is not None:
            values[name] = Action(values[name])
    return cls(**values)


def name_sha256(name: str) -> str:
    """How a record names an asset."""
    return sha256(name.encode()).hexdigest()


def time_text(at: datetime) -> str:
    """A time as records hold it: texts of two times compare as they do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=time_text).encode
