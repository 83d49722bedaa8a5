"""Activations and deletions leave their record in the transaction that makes them."""

import re
from pathlib import Path

import pytest
from fixture_types import MakeBundle
from sqlalchemy import select

from taxonomy import Node, Taxonomy, release
from taxonomy.changes.mapping import NO_MAPPING
from worker.assets.deletion import delete_asset
from worker.audit.activations import activate_release, add_release
from worker.audit.people import system_user
from worker.audit.records import ActivationRecord, DeletionRecord, Record, name_sha256, read_record
from worker.db.engine import Database
from worker.db.tables import EVERY_TENANT, AuditRecordRow
from worker.jobs.submission import Request, submit
from worker.labels.relabelling.apply import apply_relabelling, rollback_relabelling
from worker.models.registration import add_bundle

FIRST = Taxonomy([Node("a", "A"), Node("b", "B")])
SECOND = Taxonomy([Node("a", "A"), Node("b", "B"), Node("c", "C")])
WORKER = Path(__file__).parents[3] / "worker"


def recorded(database: Database) -> list[Record]:
    with database.read() as tx:
        rows = tx.scalars(select(AuditRecordRow).order_by(AuditRecordRow.id))
        return [record for row in rows if (record := read_record(row.kind, row.content)) is not None]


def activations(database: Database) -> list[ActivationRecord]:
    return [record for record in recorded(database) if isinstance(record, ActivationRecord)]


def test_the_activation_of_a_release_is_recorded(database: Database) -> None:
    """The first of a name by itself, others when they are made active; one that is only stored is not."""
    with database.write() as tx:
        add_release(tx, FIRST, by="ana")
        second = add_release(tx, SECOND)
        assert not second.active
        activate_release(tx, second, by="ben")
    first, then = activations(database)
    assert (first.what, first.how, first.name, first.version) == ("release", "activate", "default", release(FIRST))
    assert (first.previous, first.by, first.tenant) == (None, "ana", EVERY_TENANT)
    assert (then.version, then.previous, then.by) == (release(SECOND), release(FIRST), "ben")


def test_moving_labels_and_taking_it_back_is_recorded(database: Database) -> None:
    """As an activation and as a rollback."""
    with database.write() as tx:
        ids = add_release(tx, FIRST).id, add_release(tx, SECOND).id
    apply_relabelling(database, *ids, NO_MAPPING, by="ana")
    rollback_relabelling(database, *ids, by="ben")
    _, applied, back = activations(database)
    assert (applied.how, applied.version, applied.by) == ("activate", release(SECOND), "ana")
    assert (back.how, back.version, back.previous, back.by) == ("rollback", release(FIRST), release(SECOND), "ben")


def test_the_activation_of_a_bundle_is_recorded(database: Database, make_bundle: MakeBundle, tmp_path: Path) -> None:
    """With the one that was active; who is not named is the user of the system."""
    first = add_bundle(database, make_bundle(tmp_path / "a").folder)
    second = add_bundle(database, make_bundle(tmp_path / "b", seed=1).folder, by="ana")
    _, one, other = activations(database)
    assert (one.what, one.version, one.previous, one.by) == ("bundle", first.model, None, system_user())
    assert (other.version, other.previous, other.by) == (second.model, first.model, "ana")


@pytest.mark.usefixtures("bundle")
def test_the_deletion_of_an_asset_is_recorded(database: Database) -> None:
    """By a hash of its name, in its tenant's chain."""
    for _ in submit(database, [Request("file:///a.png", name="sku-1")]):
        pass
    delete_asset(database, "default", "sku-1", "ana")
    record = recorded(database)[-1]
    assert isinstance(record, DeletionRecord)
    assert (record.tenant, record.asset_sha256, record.job_count, record.by) == (1, name_sha256("sku-1"), 1, "ana")


def test_what_is_taken_back_is_not_recorded(database: Database) -> None:
    """A transaction that fails leaves neither the release nor the record."""
    with database.write() as tx:
        add_release(tx, FIRST)
        tx.rollback()
    assert recorded(database) == []
    with database.write() as tx:
        add_release(tx, FIRST)
    assert len(recorded(database)) == 1


def test_nobody_activates_a_release_without_a_record() -> None:
    """Only `worker.audit.activations` calls what the catalog has for it."""
    call = re.compile(r"from worker\.catalog\.releases import [^\n]*(activate_release|store_release)|import releases\b")
    found = [path for path in WORKER.rglob("*.py") if call.search(path.read_text(encoding="utf-8"))]
    assert [path.relative_to(WORKER).as_posix() for path in found] == ["audit/activations.py"]
