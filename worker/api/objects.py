"""The JSON objects of the API, as its OpenAPI document shows them: those that commands print with `--json`."""

import json
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from worker.access.keys import Scope
from worker.db.tables import DEFAULT_QUEUE
from worker.jobs.addresses import MAX_KEY_BYTES, MAX_URI_BYTES
from worker.jobs.submission import CHUNK
from worker.states import Action, Status

MAX_ID = 2**63 - 1  # what a column of ids holds
MAX_METADATA_CHARS = 65_536

_Item = TypeVar("_Item")


class _Object(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Asset(_Object):
    """One asset to be classified."""

    uri: str = Field(
        min_length=1, max_length=MAX_URI_BYTES, description="Where it is fetched from: https, s3, file, ..."
    )
    name: str | None = Field(
        None, max_length=MAX_KEY_BYTES, description="Your own stable id of it; by default its URI."
    )
    key: str | None = Field(
        None, max_length=MAX_KEY_BYTES, description="A key that was used before gives back its job."
    )
    metadata: dict[str, JsonValue] | None = Field(None, description="Kept with the job; policies can ask for it.")

    @field_validator("metadata")
    @classmethod
    def _can_be_stored(cls, value: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        if value is not None and _json_chars(value) > MAX_METADATA_CHARS:
            raise ValueError(f"longer than {MAX_METADATA_CHARS} characters of JSON")
        return value


class Submission(_Object):
    """The assets of one batch."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "assets": [
                        {
                            "uri": "https://cdn.example.com/1.jpg",
                            "name": "post-17",
                            "metadata": {"channel": "web", "author_age": 17},
                        }
                    ],
                    "queue": "default",
                }
            ]
        }
    )

    assets: list[Asset] = Field(min_length=1, max_length=CHUNK)
    queue: str = Field(DEFAULT_QUEUE, max_length=64, description="The job queue, one of `GET /v1/queues`.")


class Submitted(_Object):
    """The job of an asset, and its batch; null for a job that is older than batches."""

    job: int
    batch: int | None


class Accepted(_Object):
    """What became of a submission, in the order of its assets; `batch` is null where all of them were known already."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"batch": 7, "jobs": [{"job": 41, "batch": 7}]}]})

    batch: int | None
    jobs: list[Submitted]


class Job(_Object):
    """A job, as `cladist jobs list --json` prints it."""

    job: int
    status: Status
    asset: str = Field(description="The URI of its asset.")
    name: str
    batch: int | None
    model: str
    queue: str
    tenant: str
    metadata: dict[str, JsonValue] | None
    attempt: int
    code: str | None = Field(description="Why it failed: a failure code.")
    message: str | None
    created_at: datetime
    finished_at: datetime | None


class JobWithPrediction(Job):
    """A job with its prediction, null until it succeeded, as `cladist jobs show --json` prints it."""

    prediction: dict[str, Any] | None = Field(description="`levels`, `decision`, `release`, ... as `cladist predict`.")


class Batch(_Object):
    """The jobs of one submission, as `cladist batches show --json` prints it."""

    batch: int
    created_at: datetime
    jobs: int
    open: bool
    counts: dict[Status, int]
    capped: list[Status]
    rate_per_s: float
    left_s: float | None


class Label(_Object):
    """An asset that carries a node, as `cladist labels --json` prints it."""

    asset_id: int
    asset: str
    node: str
    level: int
    confidence: float
    on_path: bool
    source: str
    model: str | None
    name: str


class AssetLabel(_Object):
    """A label of one asset."""

    level: int
    node: str
    confidence: float
    on_path: bool
    source: str
    model: str | None
    release: str


class AssetRecord(_Object):
    """All that is known of an asset, as `cladist assets show --json` prints it."""

    asset_id: int
    name: str
    tenant: str
    asset: str
    content_sha256: str | None
    pdq: str | None
    pdq_quality: int | None
    newest_failed: bool
    prediction: dict[str, Any] | None
    labels: list[AssetLabel]
    jobs: list[Job]


class Deleted(_Object):
    """The name of an asset that was deleted, and how many jobs went with it."""

    deleted: str
    jobs: int


class Routing(_Object):
    """What a policy did with a job, as `cladist routings show --json` prints it."""

    job: int
    tenant: str
    name: str
    policy: str
    version: int
    rule: str
    action: Action
    queue: str | None
    collection: str | None
    priority: int
    tags: list[str]
    sampled: bool
    shadow: bool
    created_at: datetime


class Release(_Object):
    """A release of a taxonomy, as `cladist taxonomy list --json` prints it."""

    name: str
    release: str
    nodes: int
    active: bool
    imported_at: datetime


class Node(_Object):
    """A node, as `cladist taxonomy find --json` prints it."""

    node: str
    name: str
    path: str
    level: int


class Policy(_Object):
    """A version of a policy, as `cladist policy list --json` prints it; one without a tenant holds for all."""

    policy: str
    version: int
    tenant: str | None
    active: bool
    shadow: bool
    sha256: str
    created_at: datetime
    created_by: str
    activated_at: datetime | None


class Queue(_Object):
    """A job queue, as `cladist queues list --json` prints it; `waiting` counts your own jobs."""

    queue: str
    priority: int
    weight: float
    rate_per_s: float | None
    paused: bool
    waiting: int


class Key(_Object):
    """A key, as `cladist keys list --json` prints it; the key itself is nowhere."""

    id: int
    tenant: str
    scopes: list[Scope]
    rate_per_s: float | None
    created_at: datetime
    created_by: str
    rotated_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None


class All(_Object, Generic[_Item]):
    """All of them."""

    items: list[_Item]


class Page(_Object, Generic[_Item]):
    """Some of them. A page may be short, or empty, and not be the last: go on with `next` until it is null."""

    items: list[_Item]
    next: str | None = Field(description="The `cursor` of the next page; null at the end.")


def _json_chars(value: dict[str, JsonValue]) -> int:
    """The length as JSON. Raises ValueError on what no database takes: NaN, infinity, half a character."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    text.encode()
    return len(text)


Limit = Annotated[int, Field(ge=1, le=500)]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
