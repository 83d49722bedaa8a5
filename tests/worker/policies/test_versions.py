"""Versions: numbered, one active for each tenant and name, back and forth."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from taxonomy import CladistError
from worker.db.engine import Database
from worker.db.tables import PolicyRow
from worker.errors import InvalidMoveError, LookupFailedError
from worker.policies.versions import (
    activate_policy,
    find_policy,
    find_shadow,
    list_policies,
    policy_text,
    rollback_policy,
    set_shadow,
)

Keep = Callable[..., str]
ACCEPT, REJECT = "if: {under: Round}, then: {action: accept}", "if: {under: Round}, then: {action: reject}"


def active(database: Database) -> list[tuple[str, str | None]]:
    with database.read() as tx:
        return [(f"{row['policy']}@{row['version']}", row["tenant"]) for row in list_policies(tx) if row["active"]]


def test_the_same_text_is_no_new_version(keep: Keep) -> None:
    assert [keep(ACCEPT), keep(ACCEPT), keep(REJECT), keep(ACCEPT)] == ["p@1", "p@1", "p@2", "p@3"]


def test_one_is_active_for_each_tenant_and_name(database: Database, keep: Keep) -> None:
    keep(ACCEPT)
    keep(REJECT)
    keep(ACCEPT, name="q")
    keep(ACCEPT, tenant="acme")
    assert sorted(active(database), key=str) == [("p@1", "acme"), ("p@2", None), ("q@1", None)]


def test_a_policy_that_cannot_be_used_leaves_the_active_one(database: Database, keep: Keep) -> None:
    keep(ACCEPT)
    for rule in ("if: {under: Nothing}, then: {action: accept}", "when: nope, then: {action: accept}"):
        with pytest.raises(CladistError, match=r"p\.yaml: line 5: rule 'r0': "):
            keep(rule)
    assert active(database) == [("p@1", None)]


def test_rollback_goes_back_step_by_step(database: Database, keep: Keep) -> None:
    for rule in (ACCEPT, REJECT, "if: {}, then: {action: accept}"):
        keep(rule)
    with database.write() as tx:
        activate_policy(tx, find_policy(tx, "p@1"), "tester")  # 1, 2, 3, 1
    for expected in ("p@3", "p@2"):
        with database.write() as tx:
            assert policy_text(rollback_policy(tx, "p", None, "tester")) == expected
        assert active(database) == [(expected, None)]
    with database.write() as tx, pytest.raises(InvalidMoveError, match="nothing was active before p@2"):
        rollback_policy(tx, "p", None, "tester")


def test_a_rollback_never_leads_to_what_was_rolled_back(database: Database, keep: Keep) -> None:
    keep(ACCEPT)
    keep(REJECT)
    with database.write() as tx:
        rollback_policy(tx, "p", None, "tester")  # from 2, which was bad, to 1
    keep("if: {}, then: {action: accept}")
    with database.write() as tx:
        assert policy_text(rollback_policy(tx, "p", None, "tester")) == "p@1"


def test_ending_a_shadow_ends_the_one_that_runs(database: Database, keep: Keep) -> None:
    keep(ACCEPT)
    for rule in (REJECT, "if: {}, then: {action: accept}"):
        keep(rule, active=False)
    with database.write() as tx:
        set_shadow(tx, find_policy(tx, "p@2"), "tester", on=True)
        assert policy_text(find_shadow(tx, "p")) == "p@2"
        with pytest.raises(InvalidMoveError, match="p@3 is no shadow"):
            set_shadow(tx, find_policy(tx, "p@3"), "tester", on=False)


def test_a_name_means_the_active_version_or_the_newest(database: Database, keep: Keep) -> None:
    keep(ACCEPT)
    keep(REJECT, active=False)
    with database.read() as tx:
        assert [find_policy(tx, "p").version, find_policy(tx, "p", newest=True).version] == [1, 2]
        assert find_policy(tx, "p@2").version == 2
        for wanted in ("q", "p@3", "p@x", "p@" + "9" * 30, "@1", "p@-1"):
            with pytest.raises(LookupFailedError, match="no policy of all tenants is named"):
                find_policy(tx, wanted)
        with pytest.raises(LookupFailedError):
            find_policy(tx, "p", "nobody")


def test_the_active_version_is_no_shadow(database: Database, keep: Keep) -> None:
    keep(ACCEPT)
    keep(REJECT, active=False)
    with database.write() as tx:
        with pytest.raises(InvalidMoveError, match="cannot be its own shadow"):
            set_shadow(tx, find_policy(tx, "p@1"), "tester", on=True)
        set_shadow(tx, find_policy(tx, "p@2"), "tester", on=True)
    with database.write() as tx:
        activate_policy(tx, find_policy(tx, "p@2"), "tester")
    with database.read() as tx:
        assert not find_policy(tx, "p@2").shadow


def test_many_who_add_at_once_number_one_after_the_other(database: Database, keep: Keep) -> None:
    rules = [f"if: {{under: Round, min_confidence: 0.{number}1}}, then: {{action: accept}}" for number in range(8)]
    threads = [threading.Thread(target=keep, args=(rule,)) for rule in rules]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as tx:
        assert tx.scalar(select(func.count()).select_from(PolicyRow)) == 8
        assert len(active(database)) == 1
