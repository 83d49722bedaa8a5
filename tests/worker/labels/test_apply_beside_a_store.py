"""A release that becomes active while an answer in the one before is being stored: that answer is carried as well."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fixture_types import MakeImages, Submitted
from sqlalchemy import select, text
from waiting import PATIENCE_S, wait_until

from taxonomy import Node, Taxonomy
from taxonomy.changes.mapping import NO_MAPPING
from worker.audit.activations import add_release
from worker.catalog.releases import find_release
from worker.db.engine import Database
from worker.db.tables import LabelRow, ReleaseRow
from worker.db.transaction import Transaction
from worker.jobs.claims import claim_jobs
from worker.labels.relabelling.apply import apply_relabelling
from worker.labels.storage import store_predictions
from worker.models.predictors import Predictors
from worker.pipeline import stages
from worker.pipeline.in_flight import Item
from worker.pipeline.stages import store_items
from worker.policies.router import Router
from worker.process.bootstrap import Services


class HeldStore:
    """A store that has written its rows and does not commit before somebody waits for it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.has_written = threading.Event()
        self.others: Future[Any] | None = None

    def __call__(self, *given: Any) -> None:
        store_predictions(*given)
        self.has_written.set()
        wait_until(self._is_waited_for, "somebody to wait for the store")

    def _is_waited_for(self) -> bool:
        if self._database.is_sqlite:  # which lets nobody write meanwhile
            return True
        query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        with self._database.read() as tx:
            return tx.execute(text(query)).first() is not None or (self.others is not None and self.others.done())


@pytest.mark.parametrize("begins", ["before", "in-the-middle"])
def test_apply_misses_no_store_in_flight(
    services: Services,
    submitted: Submitted,
    make_images: MakeImages,
    tiny_taxonomy: Taxonomy,
    monkeypatch: pytest.MonkeyPatch,
    begins: str,
) -> None:
    """Whether the store began before the relabelling or in its middle, its asset has labels in the new release."""
    database, settings = services.database, services.settings
    first, second = make_images(2)
    services.pipeline.run(submitted([first]))
    item = answered(services, submitted([second]), second)
    with database.write() as tx:
        old_id = find_release(tx, "default").id
        new_id = add_release(tx, renamed(tiny_taxonomy), "default").id
    held = HeldStore(database)
    monkeypatch.setattr(stages, "store_predictions", held)
    with ThreadPoolExecutor(2) as threads:

        def store(_done: int = 0) -> None:
            if not held.has_written.is_set():
                storing.append(threads.submit(store_items, [item], database, settings, Router(database)))
                assert held.has_written.wait(PATIENCE_S)

        storing: list[Future[None]] = []
        if begins == "before":
            store()
        on_progress = store if begins == "in-the-middle" else lambda _done: None
        held.others = threads.submit(
            apply_relabelling, database, old_id, new_id, NO_MAPPING, batch=1, on_progress=on_progress
        )
        held.others.result()
        storing[0].result()
    with database.read() as tx:
        assert tx.scalar(select(ReleaseRow.id).where(ReleaseRow.active)) == new_id
        labelled = {release: assets_of(tx, release) for release in (old_id, new_id)}
    assert labelled[new_id] == labelled[old_id]
    assert item.claim.asset_id in labelled[new_id]


def answered(services: Services, ids: list[int], uri: str) -> Item:
    (claim,) = claim_jobs(services.database, ids, "w", 600.0)
    predictor = Predictors(services.database).get(claim.bundle_id)
    pixels = predictor.pixels(Path(uri.removeprefix("file://")).read_bytes(), "")[None]
    return Item(claim, predictor=predictor, prediction=predictor.predict([uri], pixels)[0])


def renamed(taxonomy: Taxonomy) -> Taxonomy:
    """Another release in which every node is still there."""
    return Taxonomy([*taxonomy, Node("new", "New")])


def assets_of(tx: Transaction, release_id: int) -> set[int]:
    return set(tx.scalars(select(LabelRow.asset_id).where(LabelRow.release_id == release_id)))
