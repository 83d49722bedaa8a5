"""Make a bundle known to the database."""

from pathlib import Path

from sqlalchemy import select, update

import classifier
from worker.audit.activations import add_release
from worker.audit.people import system_user
from worker.audit.records import ActivationRecord, append
from worker.db.engine import Database
from worker.db.tables import EVERY_TENANT, BundleRow
from worker.db.transaction import Transaction


def add_bundle(
    database: Database,
    folder: Path,
    taxonomy_name: str | None = None,
    *,
    activate: bool = True,
    by: str | None = None,
) -> "classifier.Bundle":
    """Make a bundle known, and active: new jobs get it. Its release becomes known, under this name if it was not.

    by: who does it; the user of the operating system where it is None. The bundle answers for a few plain images first.
    Raises BundleError when it cannot be used, and the one that is active stays so; SubmissionError when its release is
    known by another name.
    """
    from classifier.inference.trial import require_answers  # noqa: PLC0415 (loads torch, which no --help needs)

    bundle = classifier.read_bundle(folder.resolve())
    require_answers(bundle)
    with database.write() as tx:
        release_id = add_release(tx, bundle.taxonomy, taxonomy_name, by=by).id
        previous = tx.scalar(select(BundleRow.model).where(BundleRow.active))
        if activate:
            tx.execute(update(BundleRow).where(BundleRow.active).values(active=False))
        known = tx.scalar(select(BundleRow).where(BundleRow.model == bundle.model))
        if known is None:
            known = BundleRow(model=bundle.model, release_id=release_id, created_at=tx.now(), active=False)
            tx.add(known)
        known.folder = str(bundle.folder)
        if activate:
            known.active, known.shadow = True, False
            _record(tx, bundle, previous, by or system_user())
    return bundle


def _record(tx: Transaction, bundle: "classifier.Bundle", previous: str | None, by: str) -> None:
    record = ActivationRecord(
        at=tx.now(),
        tenant=EVERY_TENANT,
        what="bundle",
        name=bundle.info.backbone,
        version=bundle.model,
        previous=previous,
        by=by,
    )
    append(tx, [record])
