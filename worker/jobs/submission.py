"""Submit work: the job and its outbox row in one transaction, so that a committed job cannot be forgotten."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from worker.catalog.serving import active_bundle
from worker.db.engine import Database
from worker.db.statements.rows import insert_rows, is_any_of, reserve_job_ids
from worker.db.tables import JobRow, OutboxRow
from worker.db.transaction import Transaction
from worker.dispatch.queues import DEFAULT_DESTINATION, Destination, find_queue, tenant_number
from worker.errors import ConflictError, LookupFailedError, SubmissionError
from worker.jobs.batches import add_to_batch, mark_submitted
from worker.jobs.naming import Naming, asset_ids
from worker.states import Status
from worker.telemetry.redaction import redacted_uri

CHUNK = 1000  # jobs in one transaction
_TRIES = 10  # at a chunk that meets others with the same keys


@dataclass(frozen=True, slots=True)
class Request:
    """One asset to be classified; a key that was used before gives back the job of then.

    name: by which its tenant knows the asset, by default the URI; a known name with another URI moves the asset there.
    tenant, queue: by default those of the whole submission. metadata: kept with the job. asset: the number of one that
    is known already, whose name, URI and owner stay as they are. line: where the request stands in its manifest.
    """

    uri: str
    key: str | None = None
    name: str | None = None
    tenant: str | None = None
    queue: str | None = None
    metadata: Mapping[str, Any] | None = None
    asset: int | None = None
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job of a request, and the batch that it belongs to; None for jobs that are older than batches."""

    job: int
    batch: int | None


@dataclass(frozen=True, slots=True)
class _Place:
    """What a job is made of, with all names made numbers."""

    asset_id: int
    queue_id: int
    tenant_id: int


class _Key(NamedTuple):
    """An idempotency key, which is its tenant's own."""

    tenant_id: int
    text: str


def submit(
    database: Database, requests: Iterable[Request], destination: Destination = DEFAULT_DESTINATION
) -> Iterator[list[int]]:
    """Submit all requests as one batch, yielding the job ids of each committed chunk in order.

    Raises as `submit_batch` does.
    """
    for chunk in submit_batch(database, requests, destination):
        yield [submitted.job for submitted in chunk]


def submit_batch(
    database: Database, requests: Iterable[Request], destination: Destination = DEFAULT_DESTINATION
) -> Iterator[list[Submitted]]:
    """Submit all requests as one batch, yielding what became of each committed chunk, in order.

    Requests whose keys are known add nothing; a batch is made by the first new job. Raises SubmissionError when a key
    was used for another asset, LookupFailedError when no bundle is active or a queue is not known; the message says
    how many were committed before.
    """
    pending = iter(requests)
    batch: int | None = None
    count, is_last = 0, False
    while not is_last and (chunk := list(islice(pending, CHUNK))):
        is_last = len(chunk) < CHUNK
        try:
            found, batch = _submit_chunk(database, chunk, destination, batch, is_last=is_last)
        except (SubmissionError, LookupFailedError) as error:
            if not count:
                raise
            raise type(error)(f"{error}; the {count} before this thousand are submitted") from None
        count += len(chunk)
        yield found
    if batch is not None and not is_last:
        with database.write() as tx:
            mark_submitted(tx, batch)


def _submit_chunk(
    database: Database, requests: Sequence[Request], destination: Destination, batch: int | None, *, is_last: bool
) -> tuple[list[Submitted], int | None]:
    """Try again where others submit the same keys, or delete assets, at the same moment: now it is known."""
    for _ in range(_TRIES - 1):
        with suppress(IntegrityError, ConflictError), database.write() as tx:
            return _add_chunk(tx, requests, destination, batch, is_last=is_last)
    with database.write() as tx:
        return _add_chunk(tx, requests, destination, batch, is_last=is_last)


def _add_chunk(
    tx: Transaction, requests: Sequence[Request], destination: Destination, batch: int | None, *, is_last: bool
) -> tuple[list[Submitted], int | None]:
    found, batch = _add_jobs(tx, requests, destination, batch)
    if is_last and batch is not None:
        mark_submitted(tx, batch)
    return found, batch


def _add_jobs(
    tx: Transaction, requests: Sequence[Request], destination: Destination, batch: int | None = None
) -> tuple[list[Submitted], int | None]:
    """What became of each request, and the batch, which is made when there is a new job and none yet."""
    places = _places(tx, requests, destination)
    keys = [
        None if request.key is None else _Key(place.tenant_id, request.key)
        for request, place in zip(requests, places, strict=True)
    ]
    known = _known_jobs(tx, [key for key in keys if key is not None])
    fresh: list[tuple[Request, _Place]] = []
    owners: dict[_Key, tuple[int, int]] = {}  # key -> (asset, position in fresh)
    found: list[Submitted | int] = []  # a job of before, or the position in fresh
    for request, place, key in zip(requests, places, keys, strict=True):
        if key is not None and key in known:
            asset_id, submitted = known[key]
            _require_same_asset(request, asset_id, place)
            found.append(submitted)
        elif key is not None and key in owners:
            asset_id, position = owners[key]
            _require_same_asset(request, asset_id, place)
            found.append(position)
        else:
            if key is not None:
                owners[key] = (place.asset_id, len(fresh))
            found.append(len(fresh))
            fresh.append((request, place))
    if fresh:
        batch = add_to_batch(tx, batch, len(fresh), tenant_number(tx, destination.tenant))
    ids = _insert_jobs(tx, fresh, batch)
    return [Submitted(ids[item], batch) if isinstance(item, int) else item for item in found], batch


def _places(tx: Transaction, requests: Sequence[Request], destination: Destination) -> list[_Place]:
    tenants = {name: tenant_number(tx, name) for name in sorted({r.tenant or destination.tenant for r in requests})}
    queues = {name: find_queue(tx, name).id for name in sorted({r.queue or destination.queue for r in requests})}
    owners = [tenants[request.tenant or destination.tenant] for request in requests]
    wanted = [
        Naming(owner, request.name or request.uri, request.uri)
        for request, owner in zip(requests, owners, strict=True)
        if request.asset is None
    ]
    assets = asset_ids(tx, wanted)
    return [
        _Place(
            assets[owner, request.name or request.uri] if request.asset is None else request.asset,
            queues[request.queue or destination.queue],
            owner,
        )
        for request, owner in zip(requests, owners, strict=True)
    ]


def _require_same_asset(request: Request, asset_id: int, place: _Place) -> None:
    if asset_id != place.asset_id:
        where = f" (line {request.line})" if request.line else ""
        asset = redacted_uri(request.name or request.uri)
        raise SubmissionError(f"the idempotency key {request.key!r} was used for another asset than {asset}{where}")


def _insert_jobs(tx: Transaction, fresh: Sequence[tuple[Request, _Place]], batch: int | None) -> list[int]:
    """New jobs and their places in the outbox; the ids in the order of the requests.

    Rows are written in the order of their keys, so that of two submissions of the same keys none waits in a circle.
    """
    if not fresh:
        return []
    ids = reserve_job_ids(tx, len(fresh))
    common = {"bundle_id": active_bundle(tx).id, "created_at": tx.now(), "batch_id": batch}
    jobs = [
        {
            "id": job_id,
            "status": Status.QUEUED.value,
            "attempt": 0,
            "asset_id": place.asset_id,
            "queue_id": place.queue_id,
            "tenant_id": place.tenant_id,
            "idempotency_key": request.key,
            "metadata": _metadata(tx, request),
            **common,
        }
        for job_id, (request, place) in zip(ids, fresh, strict=True)
    ]
    waiting = [
        {"job_id": job["id"], "queue_id": job["queue_id"], "tenant_id": job["tenant_id"], "alone": False}
        for job in jobs
    ]
    jobs.sort(key=lambda job: (job["idempotency_key"] or "", job["id"]))
    for table, values in ((JobRow, jobs), (OutboxRow, waiting)):
        if tx.is_sqlite:
            tx.execute(insert(table.__table__), values)  # type: ignore[arg-type] # a Table, which SQLAlchemy types wider
        else:
            insert_rows(tx, table, list(values[0]), [tuple(value.values()) for value in values])
    return ids


def _metadata(tx: Transaction, request: Request) -> Any:
    """As the database takes it: COPY wants JSON as text."""
    if request.metadata is None or tx.is_sqlite:
        return request.metadata
    return json.dumps(request.metadata)


def _known_jobs(tx: Transaction, keys: Sequence[_Key]) -> dict[_Key, tuple[int, Submitted]]:
    """For each key that was used: the asset, and the job."""
    if not keys:
        return {}
    found = tx.execute(
        select(JobRow.tenant_id, JobRow.idempotency_key, JobRow.asset_id, JobRow.id, JobRow.batch_id).where(
            JobRow.tenant_id.in_(sorted({key.tenant_id for key in keys})),
            is_any_of(tx, JobRow.idempotency_key, [key.text for key in keys]),
        )
    )
    return {
        _Key(tenant_id, key): (asset_id, Submitted(job, batch))
        for tenant_id, key, asset_id, job, batch in found
        if key is not None
    }
