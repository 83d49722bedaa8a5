"""The bundles that jobs may use, and the taxonomy releases that their labels speak of."""

import threading
from pathlib import Path

from sqlalchemy import select, update

from classifier.bundle import Bundle, read_bundle
from classifier.errors import BundleError
from classifier.runtime import Predictor
from worker.database import Database
from worker.orm import BundleRow, ReleaseRow
from worker.releases import add_release


def add_bundle(database: Database, folder: Path, taxonomy_name: str | None = None) -> Bundle:
    """Make a bundle known and active: new jobs get it. Its release becomes known, under this name if it was not.

    Raises BundleError when it cannot be used, SubmissionError when its release is known by another name.
    """
    bundle = read_bundle(folder.resolve())
    bundle.load_net()
    with database.write() as session:
        release_id = add_release(database, session, bundle.taxonomy, taxonomy_name).id
        session.execute(update(BundleRow).where(BundleRow.active).values(active=False))
        known = session.scalar(select(BundleRow).where(BundleRow.model == bundle.model))
        if known is None:
            known = BundleRow(model=bundle.model, release_id=release_id, created_at=database.now(session))
            session.add(known)
        known.folder = str(bundle.folder)
        known.active = True
    return bundle


class Predictors:
    """Loaded bundles of this process, by their number in the database; the newest only is kept in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._loaded: tuple[int, Predictor] | None = None

    def get(self, bundle_id: int) -> Predictor:
        """The predictor of a bundle. Raises BundleError when its folder is gone or holds something else by now."""
        with self._lock:
            if self._loaded is None or self._loaded[0] != bundle_id:
                self._loaded = (bundle_id, Predictor(self._read(bundle_id)))
            return self._loaded[1]

    def _read(self, bundle_id: int) -> Bundle:
        with self._database.read() as session:
            row = session.get_one(BundleRow, bundle_id)
            release = session.get_one(ReleaseRow, row.release_id).release
        bundle = read_bundle(Path(row.folder))
        bundle.require_release(release, f"the database for {row.model}")
        if bundle.model != row.model:
            raise BundleError(f"{row.folder}: holds {bundle.model} by now, not {row.model}: add the bundle again")
        return bundle
