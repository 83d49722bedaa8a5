"""The tables. Rows are small where there are many: labels name release and bundle by number."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from worker.states import Code, RelabellingStatus, Status

REVISION = "0005"  # of the migration that makes these tables: a test holds it to the newest one
HUMAN = 0  # the bundle number of labels that people gave
DEFAULT_TAXONOMY = "default"
DEFAULT_QUEUE = DEFAULT_TENANT = "default"  # both are there from the first, with the number 1
FIRST = 1

_Member = TypeVar("_Member", bound=StrEnum)
_BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows of INTEGER keys only


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time; SQLite, which has no zones, stores it naive."""

    impl = DateTime
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Word(TypeDecorator[_Member]):
    """A column of short strings that are the members of an enum; the database knows only the strings.

    A string that is no member, as a newer or older release may have left it, is read as it is. Writing one raises
    ValueError.
    """

    impl = String
    cache_ok = True

    def __init__(self, members: type[_Member], length: int) -> None:
        super().__init__(length)
        self.members = members  # by the name of the argument, so that SQLAlchemy's statement cache tells columns apart
        self._by_value = {member.value: member for member in members}

    def process_bind_param(self, value: _Member | None, dialect: Dialect) -> str | None:
        """To the database."""
        del dialect
        return None if value is None else self.members(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> _Member | None:
        """From the database."""
        del dialect
        return None if value is None else self._by_value.get(value, cast("_Member", value))


class Base(DeclarativeBase):
    """All tables; constraints have names, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime(), int: BigInteger().with_variant(Integer, "sqlite")}  # noqa: RUF012


class ReleaseRow(Base):
    """One release of a taxonomy, whole; of all releases of one taxonomy name one is active."""

    __tablename__ = "releases"
    __table_args__ = (
        Index("uq_releases_active", "name", unique=True, sqlite_where=text("active"), postgresql_where=text("active")),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    release: Mapped[str] = mapped_column(String(64), unique=True)
    taxonomy: Mapped[str] = mapped_column(Text, deferred=True)  # megabytes, and seldom wanted
    created_at: Mapped[datetime]
    name: Mapped[str] = mapped_column(Text, default=DEFAULT_TAXONOMY, server_default=DEFAULT_TAXONOMY)
    active: Mapped[bool] = mapped_column(default=False, server_default=text("false"))


class NodeRow(Base):
    """One node of a release, to be found by id, name or path."""

    __tablename__ = "nodes"
    __table_args__ = (Index(None, "release_id", "name"), Index(None, "release_id", "path"))

    release_id: Mapped[int] = mapped_column(Integer, ForeignKey("releases.id"), primary_key=True)
    node_id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text)
    level: Mapped[int] = mapped_column(Integer)


class AliasRow(Base):
    """Another name of a node: an alias, or its name in some language."""

    __tablename__ = "aliases"

    release_id: Mapped[int] = mapped_column(Integer, ForeignKey("releases.id"), primary_key=True)
    alias: Mapped[str] = mapped_column(Text, primary_key=True)
    node_id: Mapped[str] = mapped_column(Text, primary_key=True)


class BundleRow(Base):
    """A trained model that jobs may use; `model` names its exact version, `active` the one that new jobs get."""

    __tablename__ = "bundles"
    __table_args__ = (
        Index("uq_bundles_active", "active", unique=True, sqlite_where=text("active"), postgresql_where=text("active")),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    model: Mapped[str] = mapped_column(Text, unique=True)
    folder: Mapped[str] = mapped_column(Text)
    release_id: Mapped[int] = mapped_column(Integer, ForeignKey("releases.id"))
    active: Mapped[bool]
    created_at: Mapped[datetime]


def _uri_of(context: DefaultExecutionContext) -> Any:
    return context.get_current_parameters()["uri"]  # type: ignore[no-untyped-call] # of SQLAlchemy


class AssetRow(Base):
    """A content item of a tenant, known by its name; the URI to fetch it from may change, and by default is its name.

    `content_sha256`, `pdq` (64 hexadecimal digits) and `pdq_quality` (0 to 100) are of the content decoded last.
    """

    __tablename__ = "assets"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    id: Mapped[int] = mapped_column(_BigId, primary_key=True)
    uri: Mapped[str] = mapped_column(Text)
    tenant_id: Mapped[int] = mapped_column(Integer, default=FIRST, server_default=text("1"))
    name: Mapped[str] = mapped_column(Text, default=_uri_of)
    content_sha256: Mapped[str | None] = mapped_column(String(64))
    pdq: Mapped[str | None] = mapped_column(String(64))
    pdq_quality: Mapped[int | None] = mapped_column(Integer)


class BatchRow(Base):
    """The jobs of one submission, counted as they are submitted. Batches are never deleted."""

    __tablename__ = "batches"

    id: Mapped[int] = mapped_column(_BigId, primary_key=True)
    created_at: Mapped[datetime]
    job_count: Mapped[int] = mapped_column(default=0)


class DeletionRow(Base):
    """That an asset was deleted with all that was known of it; its name is kept as a hash only."""

    __tablename__ = "deletions"

    id: Mapped[int] = mapped_column(_BigId, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(Integer)
    name_sha256: Mapped[str] = mapped_column(String(64))
    job_count: Mapped[int] = mapped_column(Integer)
    last_job_id: Mapped[int]  # the largest that any job had by then: SQLite would give it again
    deleted_at: Mapped[datetime]
    deleted_by: Mapped[str] = mapped_column(Text)


class QueueRow(Base):
    """A queue of jobs and how it is published: `served` and `cursor_tenant` say whose turn it is, `tokens` its rate.

    Queues are never deleted: jobs name them by number, without a foreign key.
    """

    __tablename__ = "queues"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    priority: Mapped[int] = mapped_column(Integer, default=0)  # the highest first
    weight: Mapped[float] = mapped_column(default=1.0)  # its share among queues of one priority
    rate_per_s: Mapped[float | None]  # jobs published in a second at most; None: any number
    paused: Mapped[bool] = mapped_column(default=False)
    tokens: Mapped[float] = mapped_column(default=0.0)  # what the rate allowed until `refilled_at`
    refilled_at: Mapped[datetime | None]
    served: Mapped[float] = mapped_column(default=0.0)  # jobs published, over the weight
    cursor_tenant: Mapped[int] = mapped_column(Integer, default=0)  # the tenant published last


class TenantRow(Base):
    """Whom a job is done for; the tenants of a queue take turns."""

    __tablename__ = "tenants"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(Text)


class JobRow(Base):
    """Durable work on one asset; `attempt` fences the writes of a worker that lost its lease, and never goes back."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "ix_jobs_leases",
            "lease_until",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        Index(
            "ix_jobs_published",
            "status",
            "published_at",
            sqlite_where=text("status = 'queued' AND published_at IS NOT NULL"),
            postgresql_where=text("status = 'queued' AND published_at IS NOT NULL"),
        ),
        Index(None, "status", "id"),
        Index(None, "asset_id"),
        Index(
            "ix_jobs_batch_id_id",
            "batch_id",
            "id",
            sqlite_where=text("batch_id IS NOT NULL"),
            postgresql_where=text("batch_id IS NOT NULL"),
        ),
        Index(
            "ix_jobs_batch_id_status",
            "batch_id",
            "status",
            "finished_at",
            sqlite_where=text("batch_id IS NOT NULL"),
            postgresql_where=text("batch_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(_BigId, primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id"))
    bundle_id: Mapped[int] = mapped_column(Integer, ForeignKey("bundles.id"))
    status: Mapped[Status] = mapped_column(Word(Status, 16), default=Status.QUEUED)
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    charged: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))  # attempts, of its budget
    alone: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # how the last attempt was made
    idempotency_key: Mapped[str | None] = mapped_column(Text, unique=True)
    worker: Mapped[str | None] = mapped_column(Text)
    code: Mapped[Code | None] = mapped_column(Word(Code, 32))
    message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    queue_id: Mapped[int] = mapped_column(Integer, default=FIRST, server_default=text("1"))
    tenant_id: Mapped[int] = mapped_column(Integer, default=FIRST, server_default=text("1"))
    batch_id: Mapped[int | None]
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSON(none_as_null=True))  # the submitter's


class OutboxRow(Base):
    """A job that is to be published; `alone` sends it in a message of its own, to isolate what kills a worker.

    With a `due_at` it waits until then; without one it is due. An index keeps those that are due in the order of queue,
    tenant and id, so that nothing is sorted to find who is next.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("job_id"),
        Index(
            "ix_outbox_line",
            "queue_id",
            "tenant_id",
            "id",
            sqlite_where=text("due_at IS NULL"),
            postgresql_where=text("due_at IS NULL"),
        ),
        Index(
            "ix_outbox_due",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(_BigId, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"))
    alone: Mapped[bool]
    due_at: Mapped[datetime | None]
    queue_id: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    tenant_id: Mapped[int] = mapped_column(Integer, server_default=text("1"))


class DecisionRow(Base):
    """The decision of a job that succeeded, and the whole prediction as every interface shows it."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index(None, "asset_id"),
        Index(
            "ix_decisions_content_sha256",
            "content_sha256",
            "job_id",
            sqlite_where=text("content_sha256 IS NOT NULL"),
            postgresql_where=text("content_sha256 IS NOT NULL"),
        ),
    )

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), primary_key=True, autoincrement=False)
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id"))
    node_id: Mapped[str | None] = mapped_column(Text)
    level: Mapped[int] = mapped_column(Integer)
    confidence: Mapped[float]
    reason: Mapped[str] = mapped_column(Text)
    prediction: Mapped[dict[str, Any]] = mapped_column(JSON)
    content_sha256: Mapped[str | None] = mapped_column(String(64))  # of what was decided on


class LabelRow(Base):
    """A node of an asset with its confidence, ancestors included, so that "all under X" is one index range.

    `bundle_id` is HUMAN for labels of people, which no model overwrites; `relabelling_id` says what moved a row here
    from another release. No foreign keys: this is the table with hundreds of millions of rows, and it is only written
    together with rows that have them.
    """

    __tablename__ = "labels"
    __table_args__ = (
        Index(None, "release_id", "node_id", "confidence", "asset_id"),
        Index(
            "ix_labels_relabelling",
            "relabelling_id",
            "asset_id",
            sqlite_where=text("relabelling_id IS NOT NULL"),
            postgresql_where=text("relabelling_id IS NOT NULL"),
        ),
    )

    asset_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    release_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    bundle_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    node_id: Mapped[str] = mapped_column(Text, primary_key=True)
    level: Mapped[int] = mapped_column(Integer)
    confidence: Mapped[float]
    on_path: Mapped[bool]
    source: Mapped[str] = mapped_column(String(8))
    relabelling_id: Mapped[int | None] = mapped_column(Integer)


class RelabellingRow(Base):
    """The move of all stored labels from one release to another; `cursor_asset_id` is how far it has come."""

    __tablename__ = "relabellings"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    from_release_id: Mapped[int] = mapped_column(Integer, ForeignKey("releases.id"))
    to_release_id: Mapped[int] = mapped_column(Integer, ForeignKey("releases.id"))
    previous_release_id: Mapped[int | None] = mapped_column(Integer)  # what was active before it was applied
    mapping: Mapped[str] = mapped_column(Text)
    status: Mapped[RelabellingStatus] = mapped_column(Word(RelabellingStatus, 16))
    cursor_asset_id: Mapped[int] = mapped_column(default=0)
    asset_count: Mapped[int] = mapped_column(default=0)
    label_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ReviewRow(Base):
    """An asset that a relabelling could not carry to where it was: it lost its node, by a split or a removal."""

    __tablename__ = "reviews"

    relabelling_id: Mapped[int] = mapped_column(Integer, ForeignKey("relabellings.id"), primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id"), primary_key=True)
    node_id: Mapped[str] = mapped_column(Text, primary_key=True)
    change: Mapped[str] = mapped_column(String(16))
