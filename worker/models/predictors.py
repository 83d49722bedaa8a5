"""The bundles that this process has loaded."""

import json
import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the database says of a bundle: all that is needed to load it when the transaction is over."""

    model: str
    folder: Path
    release: str  # that the bundle was trained on
    change: tuple[ReleaseRow, ReleaseRow, NodeMapping] | None  # since then; rows that were read whole


class Predictors:
    """Loaded bundles of this process, by their number in the database; the `limit` used last are kept in memory.

    A bundle answers in the active release of its taxonomy, by way of what changed since the release it was trained on.
    Bundles are read, and releases compared, outside every transaction and lock: who wants another bundle waits for
    nobody, who wants the same one waits for the first to have loaded it.
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
        self._loaded: OrderedDict[int, tuple[int, Future[Predictor]]] = OrderedDict()  # bundle -> (release, answers)

    def get(self, bundle_id: int) -> Predictor:
        """The predictor of a bundle. Raises BundleError when its folder is gone, damaged or holds another."""
        with self._database.read() as tx:
            serving_id = serving_release(tx, bundle_id).id
        future, is_mine = self._reserve(bundle_id, serving_id)
        if is_mine:
            try:
                future.set_result(self._load(bundle_id, serving_id))
            except BaseException as error:  # noqa: BLE001 (raised to all who wait for it)
                self._forget(bundle_id, future)
                future.set_exception(error)
        return future.result()

    def _reserve(self, bundle_id: int, serving_id: int) -> tuple[Future[Predictor], bool]:
        """What answers or will answer, and whether it is for the caller to load it; makes room for it."""
        with self._lock:
            known = self._loaded.get(bundle_id)
            if known is not None and known[0] == serving_id:
                self._loaded.move_to_end(bundle_id)
                return known[1], False
            self._loaded.pop(bundle_id, None)
            while len(self._loaded) >= self._limit:
                self._loaded.popitem(last=False)
            future: Future[Predictor] = Future()
            self._loaded[bundle_id] = serving_id, future
            return future, True

    def _forget(self, bundle_id: int, future: Future[Predictor]) -> None:
        with self._lock:
            if bundle_id in self._loaded and self._loaded[bundle_id][1] is future:
                del self._loaded[bundle_id]

    def _load(self, bundle_id: int, serving_id: int) -> Predictor:
        with self._database.read() as tx:
            wanted = _wanted(tx, bundle_id, serving_id)
        read, change = _read(wanted), _difference(wanted)
        return Predictor(read, difference=change, precision=self._precision, limits=self._limits)


def _wanted(tx: Transaction, bundle_id: int, serving_id: int) -> _Wanted:
    row = tx.get_one(BundleRow, bundle_id)
    own = tx.get_one(ReleaseRow, row.release_id)
    change = None if row.release_id == serving_id else _change(tx, own, tx.get_one(ReleaseRow, serving_id))
    return _Wanted(row.model, Path(row.folder), own.release, change)


def _change(tx: Transaction, own: ReleaseRow, serving: ReleaseRow) -> tuple[ReleaseRow, ReleaseRow, NodeMapping]:
    """Two releases with their taxonomies, and the mapping that labels were moved by."""
    for row in (own, serving):
        tx.refresh(row, ["taxonomy"])  # it is deferred
    moved = newest_relabelling(tx, own.id, serving.id)
    said = NodeMapping({old: tuple(new) for old, new in json.loads(moved.mapping).items()}) if moved else NO_MAPPING
    return own, serving, said


def _read(wanted: _Wanted) -> Bundle:
    bundle = read_bundle(wanted.folder)
    bundle.require_release(wanted.release, f"the database for {wanted.model}")
    if bundle.model != wanted.model:
        what = f"holds {bundle.model} by now, not {wanted.model}: add the bundle again"
        raise BundleNotFoundError(what, source=str(wanted.folder))
    return bundle


def _difference(wanted: _Wanted) -> Difference | None:
    """What changed between the two releases; None for the same one."""
    return difference_of(*wanted.change) if wanted.change is not None else None
