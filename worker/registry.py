"""The bundles that jobs may use, and the taxonomy releases that their labels speak of."""

import json
import threading
from collections import OrderedDict
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from classifier.bundle import Bundle, read_bundle
from classifier.config import Precision
from classifier.errors import BundleError
from classifier.runtime import Predictor
from taxonomy.diff import Difference
from taxonomy.mapping import NO_MAPPING, NodeMapping
from worker.catalogue import serving_release
from worker.database import Database
from worker.orm import BundleRow, ReleaseRow
from worker.relabelling.moving import difference_of, newest_relabelling
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
    """Loaded bundles of this process, by their number in the database; the `limit` used last are kept in memory.

    A bundle answers in the active release of its taxonomy, by way of what changed since the release it was trained on.
    """

    def __init__(self, database: Database, limit: int = 1, precision: Precision = "auto") -> None:
        self._database = database
        self._precision = precision
        self._limit = limit
        self._lock = threading.Lock()
        self._loaded: OrderedDict[int, tuple[int, Predictor]] = OrderedDict()  # bundle -> (release, what answers in it)

    def get(self, bundle_id: int) -> Predictor:
        """The predictor of a bundle. Raises BundleError when its folder is gone or holds something else by now."""
        with self._lock, self._database.read() as session:
            serving = serving_release(session, bundle_id)
            if bundle_id not in self._loaded or self._loaded[bundle_id][0] != serving.id:
                self._load(session, session.get_one(BundleRow, bundle_id), serving.id)
            self._loaded.move_to_end(bundle_id)
            return self._loaded[bundle_id][1]

    def _load(self, session: Session, row: BundleRow, serving_id: int) -> None:
        self._loaded.pop(row.id, None)
        while len(self._loaded) >= self._limit:
            self._loaded.popitem(last=False)
        difference = _difference(session, row.release_id, serving_id)
        predictor = Predictor(_read(session, row), difference=difference, precision=self._precision)
        self._loaded[row.id] = serving_id, predictor


def _read(session: Session, row: BundleRow) -> Bundle:
    own = session.get_one(ReleaseRow, row.release_id)
    bundle = read_bundle(Path(row.folder))
    bundle.require_release(own.release, f"the database for {row.model}")
    if bundle.model != row.model:
        raise BundleError(f"{row.folder}: holds {bundle.model} by now, not {row.model}: add the bundle again")
    return bundle


def _difference(session: Session, own_id: int, serving_id: int) -> Difference | None:
    """What changed between two releases, with the mapping that their labels were moved by; None for the same one."""
    if own_id == serving_id:
        return None
    moved = newest_relabelling(session, own_id, serving_id)
    said = NodeMapping({old: tuple(new) for old, new in json.loads(moved.mapping).items()}) if moved else NO_MAPPING
    return difference_of(session.get_one(ReleaseRow, own_id), session.get_one(ReleaseRow, serving_id), said)
