"""The bundles that this process has loaded."""

import json
import threading
from collections import OrderedDict
from pathlib import Path

from classifier.bundles.bundle import Bundle, read_bundle
from classifier.config import Precision
from classifier.errors import BundleNotFoundError
from classifier.images.limits import DEFAULT_LIMITS, DecodeLimits
from classifier.inference.predictor import Predictor
from taxonomy.changes.diff import Difference
from taxonomy.changes.mapping import NO_MAPPING, NodeMapping
from worker.catalog.serving import serving_release
from worker.db.engine import Database
from worker.db.tables import BundleRow, ReleaseRow
from worker.db.transaction import Transaction
from worker.labels.relabelling.apply import difference_of, newest_relabelling


class Predictors:
    """Loaded bundles of this process, by their number in the database; the `limit` used last are kept in memory.

    A bundle answers in the active release of its taxonomy, by way of what changed since the release it was trained on.
    """

    def __init__(
        self,
        database: Database,
        limit: int = 1,
        precision: Precision = "auto",
        limits: DecodeLimits = DEFAULT_LIMITS,
    ) -> None:
        self._database = database
        self._precision = precision
        self._limits = limits
        self._limit = limit
        self._lock = threading.Lock()
        self._loaded: OrderedDict[int, tuple[int, Predictor]] = OrderedDict()  # bundle -> (release, what answers in it)

    def get(self, bundle_id: int) -> Predictor:
        """The predictor of a bundle. Raises BundleError when its folder is gone, damaged or holds another."""
        with self._lock, self._database.read() as tx:
            serving = serving_release(tx, bundle_id)
            if bundle_id not in self._loaded or self._loaded[bundle_id][0] != serving.id:
                self._load(tx, tx.get_one(BundleRow, bundle_id), serving.id)
            self._loaded.move_to_end(bundle_id)
            return self._loaded[bundle_id][1]

    def _load(self, tx: Transaction, row: BundleRow, serving_id: int) -> None:
        self._loaded.pop(row.id, None)
        while len(self._loaded) >= self._limit:
            self._loaded.popitem(last=False)
        difference = _difference(tx, row.release_id, serving_id)
        read = _read(tx, row)
        predictor = Predictor(read, difference=difference, precision=self._precision, limits=self._limits)
        self._loaded[row.id] = serving_id, predictor


def _read(tx: Transaction, row: BundleRow) -> Bundle:
    own = tx.get_one(ReleaseRow, row.release_id)
    bundle = read_bundle(Path(row.folder))
    bundle.require_release(own.release, f"the database for {row.model}")
    if bundle.model != row.model:
        what = f"holds {bundle.model} by now, not {row.model}: add the bundle again"
        raise BundleNotFoundError(what, source=row.folder)
    return bundle


def _difference(tx: Transaction, own_id: int, serving_id: int) -> Difference | None:
    """What changed between two releases, with the mapping that their labels were moved by; None for the same one."""
    if own_id == serving_id:
        return None
    moved = newest_relabelling(tx, own_id, serving_id)
    said = NodeMapping({old: tuple(new) for old, new in json.loads(moved.mapping).items()}) if moved else NO_MAPPING
    return difference_of(tx.get_one(ReleaseRow, own_id), tx.get_one(ReleaseRow, serving_id), said)
