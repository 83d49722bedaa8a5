"""Keys: shown once, kept as a hash, of one tenant, held to their rate over processes, and on the record."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from worker.access.keys import Caller, Scope, create_key, find_caller, list_keys, revoke_key, rotate_key, take_turn
from worker.audit.records import KeyRecord, read_record
from worker.db.engine import Database
from worker.db.tables import AuditRecordRow, KeyRow
from worker.errors import InvalidMoveError, LookupFailedError, SubmissionError
from worker.telemetry.redaction import safe_message

READ = frozenset({Scope.READ})


def caller_of(database: Database, key: str) -> Caller:
    found = find_caller(database, key)
    assert found is not None
    return found


def test_a_key_is_kept_as_a_hash(database: Database) -> None:
    """No table holds it, and no list shows it; it opens its tenant's rows with its scopes."""
    made = create_key(database, "shop", {Scope.SUBMIT, Scope.READ}, "ana")
    found = caller_of(database, made.key)
    assert (found.key_id, found.tenant, found.scopes) == (made.id, "shop", frozenset({Scope.READ, Scope.SUBMIT}))
    secret = made.key.rpartition("_")[2]
    with database.read() as tx:
        rows = [tx.execute(text(f"SELECT * FROM {table}")).all() for table in ("api_keys", "audit_records")]
        assert secret not in f"{rows} {list_keys(tx)}"
        assert list_keys(tx, "shop")[0]["scopes"] == ["read", "submit"]
        assert list_keys(tx, "other") == []


def test_no_two_keys_are_alike_and_none_is_short(database: Database) -> None:
    """32 random bytes each."""
    made = {create_key(database, "shop", READ, "ana").key.split("_", 2)[2] for _ in range(5)}
    assert len(made) == 5
    assert {len(secret) for secret in made} == {43}


def test_a_rotated_key_and_a_revoked_key_open_nothing(database: Database) -> None:
    """The one made by a rotation does, until it is revoked; after that there is no way back."""
    first = create_key(database, "shop", READ, "ana")
    second = rotate_key(database, first.id, "ben")
    assert second.id == first.id
    assert find_caller(database, first.key) is None
    assert caller_of(database, second.key).key_id == first.id
    assert revoke_key(database, first.id, "ben")["revoked_at"] is not None
    assert find_caller(database, second.key) is None
    for act in (rotate_key, revoke_key):
        with pytest.raises(InvalidMoveError, match="was revoked"):
            act(database, first.id, "ben")
        with pytest.raises(LookupFailedError, match="no key has the id 99"):
            act(database, 99, "ben")


def test_a_key_is_hidden_in_whatever_is_logged(database: Database) -> None:
    key = create_key(database, "shop", READ, "ana").key
    assert safe_message(f"no such file: {key}") == "no such file: ***"


@pytest.mark.parametrize("presented", ["", "x", "cladist_1_", "cladist_0_" + "a" * 43, "cladist_1_" + "é" * 43])
def test_what_is_no_key_opens_nothing(database: Database, presented: str) -> None:
    create_key(database, "shop", READ, "ana")
    assert find_caller(database, presented) is None


def test_what_is_done_with_keys_is_on_the_record(database: Database) -> None:
    """In the chain of its tenant: what, which, with which scopes, by whom."""
    made = create_key(database, "shop", READ, "ana")
    rotate_key(database, made.id, "ben")
    revoke_key(database, made.id, "eve")
    with database.read() as tx:
        rows = tx.scalars(select(AuditRecordRow).order_by(AuditRecordRow.id)).all()
        owner = tx.scalars(select(KeyRow.tenant_id)).one()
    records = [read_record(row.kind, row.content) for row in rows]
    said = [(each.how, each.key, each.scopes, each.by, each.tenant) for each in records if isinstance(each, KeyRecord)]
    assert said == [(how, made.id, "read", by, owner) for how, by in
                    (("create", "ana"), ("rotate", "ben"), ("revoke", "eve"))]  # fmt: skip


def test_last_use_is_written_once_a_minute(database: Database) -> None:
    made = create_key(database, "shop", READ, "ana")

    def used() -> object:
        with database.read() as tx:
            return list_keys(tx)[0]["used_at"]

    assert used() is None
    caller_of(database, made.key)
    first = used()
    caller_of(database, made.key)
    assert used() == first is not None
    with database.write() as tx:
        row = tx.get_one(KeyRow, made.id)
        assert row.used_at is not None
        row.used_at -= timedelta(minutes=2)
    caller_of(database, made.key)
    assert used() >= first  # type: ignore[operator] # texts of times


def test_a_rate_holds_over_all_who_ask_at_once(database: Database) -> None:
    """Of forty requests at once five pass, and those that time brings; the others are told when."""
    caller = caller_of(database, create_key(database, "shop", READ, "ana", rate_per_s=5.0).key)
    with ThreadPoolExecutor(8) as pool:
        began = time.monotonic()
        waits = list(pool.map(lambda _: take_turn(caller), range(40)))
    passed, brought = waits.count(0.0), 5.0 * (time.monotonic() - began)
    assert 5 <= passed <= 5 + brought + 1
    assert all(0 < wait <= 0.2 for wait in waits if wait)


def test_a_bucket_fills_with_time(database: Database) -> None:
    """Up to what one second brings, and no further."""
    made = create_key(database, "shop", READ, "ana", rate_per_s=2.0)
    caller = caller_of(database, made.key)
    for _ in range(2):
        with database.write() as tx:
            tx.execute(update(KeyRow).values(tokens=0.0, refilled_s=tx.now().timestamp() - 3600))
        assert [take_turn(caller) > 0 for _ in range(2)] == [False, False]
        assert 0 < take_turn(caller) <= 0.5


def test_a_slow_key_may_be_used_at_all(database: Database) -> None:
    """Less than one request a second: one at once, and the next in its time."""
    caller = caller_of(database, create_key(database, "shop", READ, "ana", rate_per_s=0.1).key)
    assert take_turn(caller) == 0
    assert 5 < take_turn(caller) <= 10


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(database: Database, rate: float) -> None:
    with pytest.raises(SubmissionError, match="a rate is"):
        create_key(database, "shop", READ, "ana", rate_per_s=rate)


def test_a_key_without_a_scope_or_a_tenant_is_refused(database: Database) -> None:
    with pytest.raises(SubmissionError, match="needs a scope"):
        create_key(database, "shop", frozenset(), "ana")
    with pytest.raises(SubmissionError, match="no name of a tenant"):
        create_key(database, " ", READ, "ana")
