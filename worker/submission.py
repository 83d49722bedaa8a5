"""Submit work: the job and its outbox row in one transaction, so that a committed job cannot be forgotten."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from worker.catalogue import active_bundle
from worker.database import Database
from worker.errors import SubmissionError
from worker.fetch.redaction import redacted
from worker.orm import AssetRow, JobRow
from worker.outbox import Notice, enqueue

CHUNK = 1000  # jobs in one transaction
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}")
_MAX_URI_CHARS = 2048  # what an index entry of PostgreSQL holds


@dataclass(frozen=True, slots=True)
class Request:
    """One asset to be classified; a key that was used before gives back the job of then."""

    uri: str
    key: str | None = None


def submit(database: Database, requests: Iterable[Request]) -> Iterator[list[int]]:
    """Submit all requests, yielding the job ids of each committed chunk in order.

    Raises SubmissionError when a key was used for another asset, LookupFailedError when no bundle is active.
    """
    pending = iter(requests)
    while chunk := list(islice(pending, CHUNK)):
        with database.write() as session:
            ids = _submit_chunk(database, session, chunk)
        yield ids


def read_requests(path: Path) -> Iterator[Request]:
    """Requests from a CSV with the column `uri`, or `image` as in labels.csv, and optionally `key`.

    Relative addresses are relative to the file. Raises SubmissionError, naming the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            column = next((name for name in ("uri", "image") if name in (reader.fieldnames or ())), None)
            if column is None:
                raise SubmissionError(f"{path}: line 1: expected a header with 'uri' (or 'image') and perhaps 'key'")
            for row in reader:
                if not row.get(column):
                    raise SubmissionError(f"{path}: line {reader.line_num}: no {column}")
                try:
                    yield Request(asset_uri(row[column], path.parent), row.get("key") or None)
                except SubmissionError as error:
                    raise SubmissionError(f"{path}: line {reader.line_num}: {error}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SubmissionError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


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
        return address
    if parts.netloc not in ("", "localhost"):
        raise SubmissionError(f"{safe!r}: files of this machine only (a path, or file:///...)")
    return f"file://{parts.path}"


def _submit_chunk(database: Database, session: Session, requests: Sequence[Request]) -> list[int]:
    now = database.now(session)
    bundle_id = active_bundle(session).id
    assets = _asset_ids(database, session, {request.uri for request in requests})
    known = _known_jobs(session, [request.key for request in requests if request.key is not None])
    rows: list[dict[str, object]] = []
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
            rows.append({"asset_id": asset_id, "bundle_id": bundle_id, "idempotency_key": key, "created_at": now})
    ids = _insert_jobs(session, rows)
    enqueue(database, session, [Notice(job_id, now) for job_id in ids])
    return [ids[place] if is_new else place for is_new, place in places]


def _same_asset(request: Request, owner: tuple[int, int], asset_id: int) -> int:
    found, owner_asset = owner
    if owner_asset != asset_id:
        raise SubmissionError(
            f"the idempotency key {request.key!r} was used for another asset than {redacted(request.uri)}"
        )
    return found


def _insert_jobs(session: Session, rows: list[dict[str, object]]) -> list[int]:
    if not rows:
        return []
    return list(session.scalars(insert(JobRow).returning(JobRow.id, sort_by_parameter_order=True), rows))


def _known_jobs(session: Session, keys: Sequence[str]) -> dict[str, tuple[int, int]]:
    found = session.execute(
        select(JobRow.idempotency_key, JobRow.id, JobRow.asset_id).where(JobRow.idempotency_key.in_(keys))
    )
    return {key: (job_id, asset_id) for key, job_id, asset_id in found if key is not None}


def _asset_ids(database: Database, session: Session, uris: set[str]) -> dict[str, int]:
    dialect = sqlite if database.is_sqlite else postgresql
    rows = [{"uri": uri} for uri in sorted(uris)]
    session.execute(dialect.insert(AssetRow).on_conflict_do_nothing(), rows)
    found = session.scalars(select(AssetRow).where(AssetRow.uri.in_(uris)))
    return {asset.uri: asset.id for asset in found}
