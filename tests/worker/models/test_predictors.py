"""Bundles are loaded while nobody else waits: no lock is held, and no connection to the database."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fixture_types import MakeBundle
from waiting import PATIENCE_S, wait_until

from classifier.errors import BundleError
from classifier.inference.predictor import Predictor
from worker.db.engine import Database
from worker.models.predictors import Predictors
from worker.models.registration import add_bundle


class Gated(Predictors):
    """Predictors of which one bundle's loading waits at a gate."""

    def __init__(self, database: Database, held: int) -> None:
        super().__init__(database, 2)
        self.gate = threading.Event()
        self.loads: list[int] = []
        self._held = held

    def _load(self, bundle_id: int, serving_id: int) -> Predictor:
        self.loads.append(bundle_id)
        if bundle_id == self._held:
            self.gate.wait(PATIENCE_S)
        return super()._load(bundle_id, serving_id)


@contextmanager
def asked(predictors: Predictors, bundle_id: int, found: list[Predictor]) -> Iterator[None]:
    """A thread that asks for a bundle, and has it by the end of the block."""
    thread = threading.Thread(target=lambda: found.append(predictors.get(bundle_id)))
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_bundle_is_loaded_beside_another(database: Database, make_bundle: MakeBundle, tmp_path: Path) -> None:
    """While the first is being loaded the second answers; two who want the first load it once."""
    for seed in range(2):
        add_bundle(database, make_bundle(tmp_path / str(seed), seed=seed).folder)
    predictors = Gated(database, held=1)
    found: list[Predictor] = []
    with asked(predictors, 1, found), asked(predictors, 1, found):
        wait_until(lambda: predictors.loads == [1], "the first to be loaded")
        assert predictors.get(2) is predictors.get(2)
        assert found == []
        predictors.gate.set()
    assert found[0] is found[1] is predictors.get(1)
    assert predictors.loads == [1, 2]


def test_a_bundle_that_could_not_be_loaded_is_tried_again(
    database: Database, make_bundle: MakeBundle, tmp_path: Path
) -> None:
    """The error is that of the asking; when the folder is back, so is the bundle."""
    folder = add_bundle(database, make_bundle(tmp_path / "bundle").folder).folder
    away = folder.rename(tmp_path / "away")
    predictors = Predictors(database)
    with pytest.raises(BundleError):
        predictors.get(1)
    away.rename(folder)
    assert predictors.get(1).bundle.folder == folder


def test_no_connection_is_held_while_a_bundle_is_read(
    database: Database, make_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked when its files are opened: none of the database's connections is in use."""
    add_bundle(database, make_bundle(tmp_path / "bundle").folder)
    module = "worker.models.predictors"
    held: list[str] = []
    real = __import__(module, fromlist=["read_bundle"]).read_bundle

    def read(folder: Path) -> object:
        held.append(database.engine.pool.status())
        return real(folder)

    monkeypatch.setattr(f"{module}.read_bundle", read)
    Predictors(database).get(1)
    assert len(held) == 1
    assert "Current Checked out connections: 0" in held[0]
