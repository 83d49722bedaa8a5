"""Make a bundle known to the database."""

from pathlib import Path

from sqlalchemy import select, update

import classifier
from worker.catalog.releases import add_release
from worker.db.engine import Database
from worker.db.tables import BundleRow


def add_bundle(
    database: Database, folder: Path, taxonomy_name: str | None = None, *, activate: bool = True
) -> "classifier.Bundle":
    """Make a bundle known, and active: new jobs get it. Its release becomes known, under this name if it was not.

    It answers for a few plain images first. Raises BundleError when it cannot be used, and the one that is active stays
    so; SubmissionError when its release is known by another name.
    """
    from classifier.inference.trial import require_answers  # noqa: PLC0415 (loads torch, which no --help needs)

    bundle = classifier.read_bundle(folder.resolve())
    require_answers(bundle)
    with database.write() as tx:
        release_id = add_release(tx, bundle.taxonomy, taxonomy_name).id
        if activate:
            tx.execute(update(BundleRow).where(BundleRow.active).values(active=False))
        known = tx.scalar(select(BundleRow).where(BundleRow.model == bundle.model))
        if known is None:
            known = BundleRow(model=bundle.model, release_id=release_id, created_at=tx.now(), active=False)
            tx.add(known)
        known.folder = str(bundle.folder)
        if activate:
            known.active, known.shadow = True, False
    return bundle
