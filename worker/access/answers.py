"""Answers to requests with an `Idempotency-Key`: the same request, sent again within a day, gets the same answer."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, tuple_, update

from worker.db.engine import Database
from worker.db.statements.locks import lock_unless_held
from worker.db.statements.rows import insert_into
from worker.db.tables import AnswerRow

KEPT = timedelta(hours=24)
_LOST_AFTER = timedelta(minutes=2)  # who makes an answer for longer has died: no request takes so long
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered before."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Begun:
    """The answer is ours to make. token: the same for all who ever try, so that jobs are submitted once."""

    key: str
    token: str


class InFlightError(Exception):
    """The same request is being answered just now."""


class OtherRequestError(Exception):
    """The key was used for another request."""


def begin_answer(database: Database, tenant_id: int, key: str, request_sha256: str) -> Answered | Begun:
    """Look for the answer to a request, or begin to make it. Raises InFlightError, OtherRequestError."""
    with database.write() as tx:
        now = tx.now()
        fresh = {
            "tenant_id": tenant_id,
            "key": key,
            "request_sha256": request_sha256,
            "token": secrets.token_hex(16),
            "begun_at": now,
            "claimed_at": now,
        }
        tx.execute(delete(AnswerRow).where(*_is(tenant_id, key), AnswerRow.begun_at < now - KEPT))
        tx.execute(insert_into(tx, AnswerRow).values(fresh).on_conflict_do_nothing())
        row = tx.execute(select(AnswerRow).where(*_is(tenant_id, key)).with_for_update()).scalar_one()
        if row.token != fresh["token"]:
            return _of_before(row, request_sha256, now)
        return Begun(key, row.token)


def _of_before(row: AnswerRow, request_sha256: str, now: datetime) -> Answered | Begun:
    if row.request_sha256 != request_sha256:
        raise OtherRequestError
    if row.status is not None:
        return Answered(row.status, row.body or "")
    if row.claimed_at > now - _LOST_AFTER:
        raise InFlightError
    row.claimed_at = now
    return Begun(row.key, row.token)


def keep_answer(database: Database, tenant_id: int, begun: Begun, answered: Answered) -> None:
    """Give this answer to whoever sends the request again."""
    with database.write() as tx:
        mine = update(AnswerRow).where(*_is(tenant_id, begun.key), AnswerRow.token == begun.token)
        tx.execute(mine.values(status=answered.status, body=answered.body))


def forget_answer(database: Database, tenant_id: int, begun: Begun) -> None:
    """The request failed: it may be sent again, also with another content."""
    with database.write() as tx:
        tx.execute(delete(AnswerRow).where(*_is(tenant_id, begun.key), AnswerRow.token == begun.token))


def purge_answers(database: Database) -> Iterator[int]:
    """Delete the answers of more than a day ago; yields how many, one transaction after another."""
    while True:
        with database.write() as tx:
            old = AnswerRow.begun_at < tx.now() - KEPT
            page = select(AnswerRow.tenant_id, AnswerRow.key).where(old).order_by(AnswerRow.begun_at).limit(_PAGE)
            found = [tuple(row) for row in tx.execute(lock_unless_held(page))]
            tx.execute(delete(AnswerRow).where(tuple_(AnswerRow.tenant_id, AnswerRow.key).in_(found), old))
        if not found:
            return
        yield len(found)


def _is(tenant_id: int, key: str) -> tuple[ColumnElement[bool], ...]:
    return AnswerRow.tenant_id == tenant_id, AnswerRow.key == key
