"""Submit work: the job and its outbox row in one transaction, so that a committed job cannot be forgotten."""

import csv
import re
import string
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from taxonomy.errors import first_line
from worker.catalog.serving import active_bundle
from worker.db.engine import Database
from worker.db.statements.rows import add_missing_assets, insert_rows, is_any_of, reserve_job_ids
from worker.db.tables import AssetRow, JobRow, OutboxRow
from worker.db.transaction import Transaction
from worker.dispatch.queues import DEFAULT_DESTINATION, Destination, find_queue, tenant_number
from worker.errors import ConflictError, SubmissionError
from worker.states import Status
from worker.telemetry.redaction import redacted

CHUNK = 1000  # jobs in one transaction
_TRIES = 10  # at a chunk that meets others with the same keys
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}")
_MAX_URI_CHARS = 2048  # what an index entry of PostgreSQL holds


@dataclass(frozen=True, slots=True)
class Request:
    """One asset to be classified; a key that was used before gives back the job of then."""

    uri: str
    key: str | None = None


def submit(
    database: Database, requests: Iterable[Request], destination: Destination = DEFAULT_DESTINATION
) -> Iterator[list[int]]:
    """Submit all requests, yielding the job ids of each committed chunk in order.

    Raises SubmissionError when a key was used for another asset, LookupFailedError when no bundle is active or the
    queue is not known.
    """
    pending = iter(requests)
    while chunk := list(islice(pending, CHUNK)):
        yield _submit_chunk(database, chunk, destination)


def read_requests(path: Path) -> Iterator[Request]:
    """Requests from a CSV with the column `uri`, or `image` as in labels.csv, and optionally `key`.

    Relative addresses are relative to the file. Raises SubmissionError, naming the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            column = next((name for name in ("uri", "image") if name in (reader.fieldnames or ())), None)
            if column is None:
                raise SubmissionError(
                    "expected a header with 'uri' (or 'image') and perhaps 'key'", source=path, line=1
                )
            for row in reader:
                if not row.get(column):
                    raise SubmissionError(f"no {column}", source=path, line=reader.line_num)
                try:
                    yield Request(asset_uri(row[column], path.parent), row.get("key") or None)
                except SubmissionError as error:
                    raise SubmissionError(str(error), source=path, line=reader.line_num) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SubmissionError(first_line(error), source=path) from None


def asset_uri(address: str, base: Path) -> str:
    """The URI under which an asset is known: a path, relative to `base`, becomes a file URI.

    Whether a worker may fetch it, and has the driver, is the worker's to say. Raises SubmissionError on what is no
    address, and on credentials in it: it is stored and shown.
    """
    safe = redacted(address)[:80]
    if "\0" in address or len(address) > _MAX_URI_CHARS:
        raise SubmissionError(f"{safe!r} is not an address")
    if "://" not in address:
        return (base / address).absolute().as_uri()
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise SubmissionError(f"{safe!r}: {error}") from None
    if not _SCHEME.fullmatch(address.partition("://")[0]) or any(letter.isspace() for letter in address):
        raise SubmissionError(f"{safe!r} is not an address")
    if "@" in parts.netloc:
        raise SubmissionError(f"{safe!r}: credentials in an address are not sent, as it is stored and shown")
    if parts.scheme != "file":
        return quote(address, safe=string.printable, errors="surrogateescape") if _has_raw_bytes(address) else address
    if parts.netloc not in ("", "localhost"):
        raise SubmissionError(f"{safe!r}: files of this machine only (a path, or file:///...)")
    return f"file://{parts.path}"


def _has_raw_bytes(address: str) -> bool:
    """Whether it was given in bytes that are not UTF-8, as a shell does."""
    return any("\udc80" <= letter <= "\udcff" for letter in address)


def _submit_chunk(database: Database, requests: Sequence[Request], destination: Destination) -> list[int]:
    """Try again where others submit the same keys at the same moment: each time one of them has committed."""
    for _ in range(_TRIES - 1):
        with suppress(IntegrityError, ConflictError), database.write() as tx:
            return _add_jobs(tx, requests, destination)
    with database.write() as tx:
        return _add_jobs(tx, requests, destination)


def _add_jobs(tx: Transaction, requests: Sequence[Request], destination: Destination) -> list[int]:
    common = {
        "bundle_id": active_bundle(tx).id,
        "created_at": tx.now(),
        "queue_id": find_queue(tx, destination.queue).id,
        "tenant_id": tenant_number(tx, destination.tenant),
    }
    assets = _asset_ids(tx, {request.uri for request in requests})
    known = _known_jobs(tx, [request.key for request in requests if request.key is not None])
    rows: list[dict[str, Any]] = []
    owners: dict[str, tuple[int, int]] = {}  # key -> (asset, position in rows) of a new job
    places: list[tuple[bool, int]] = []  # (is new, position in rows or id) for each request
    for request in requests:
        asset_id, key = assets[request.uri], request.key
        if key is not None and key in known:
            places.append((False, _same_asset(request, known[key], asset_id)))
        elif key is not None and key in owners:
            places.append((True, _same_asset(request, owners[key][::-1], asset_id)))
        else:
            places.append((True, len(rows)))
            if key is not None:
                owners[key] = (asset_id, len(rows))
            rows.append({"asset_id": asset_id, "idempotency_key": key, **common})
    ids = _insert_jobs(tx, rows)
    return [ids[place] if is_new else place for is_new, place in places]


def _same_asset(request: Request, owner: tuple[int, int], asset_id: int) -> int:
    found, owner_asset = owner
    if owner_asset != asset_id:
        raise SubmissionError(
            f"the idempotency key {request.key!r} was used for another asset than {redacted(request.uri)}"
        )
    return found


def _insert_jobs(tx: Transaction, rows: Sequence[dict[str, Any]]) -> list[int]:
    """New jobs and their places in the outbox; the ids in the order of the rows."""
    ids = reserve_job_ids(tx, len(rows))
    jobs = [
        {"id": job_id, "status": Status.QUEUED.value, "attempt": 0, **row}
        for job_id, row in zip(ids, rows, strict=True)
    ]
    waiting = [
        {"job_id": job["id"], "queue_id": job["queue_id"], "tenant_id": job["tenant_id"], "alone": False}
        for job in jobs
    ]
    for table, values in ((JobRow, jobs), (OutboxRow, waiting)):
        if tx.is_sqlite and values:
            tx.execute(insert(table), values)
        elif values:
            # In one order for all, as with assets: no two transactions wait for each other's keys.
            ordered = sorted(values, key=lambda value: value.get("idempotency_key") or "")
            insert_rows(tx, table, list(values[0]), [tuple(value.values()) for value in ordered])
    return ids


def _known_jobs(tx: Transaction, keys: Sequence[str]) -> dict[str, tuple[int, int]]:
    if not keys:
        return {}
    found = tx.execute(
        select(JobRow.idempotency_key, JobRow.id, JobRow.asset_id).where(is_any_of(tx, JobRow.idempotency_key, keys))
    )
    return {key: (job_id, asset_id) for key, job_id, asset_id in found if key is not None}


def _asset_ids(tx: Transaction, uris: set[str]) -> dict[str, int]:
    """The numbers of assets, which are made known where they are not."""
    add_missing_assets(tx, uris)
    found = tx.execute(select(AssetRow.uri, AssetRow.id).where(is_any_of(tx, AssetRow.uri, uris)))
    return {asset.uri: asset.id for asset in found}
