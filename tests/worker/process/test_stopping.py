"""Stopping and changing under load: what was begun is finished, what was not is given back, nothing is done twice."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from altered_predictors import AlteredPredictor, AlteredPredictors
from fixture_types import MakeBundle, MakeImages, Submitted
from job_rows import all_jobs
from poisoned_worker import poison
from sqlalchemy import select
from waiting import PATIENCE_S, wait_until
from worker_process import POISONED_WORKER, worker_process

from classifier.images.pdq import Pdq
from classifier.inference.predictor import Predictor, PreparedPicture
from taxonomy import Node, Taxonomy
from worker.audit.activations import add_release
from worker.catalog.releases import find_release
from worker.db.engine import Database
from worker.db.tables import LabelRow, OutboxRow
from worker.dispatch.relay import relay_once
from worker.errors import StoppingError
from worker.models.predictors import Predictors
from worker.models.registration import add_bundle
from worker.pipeline.batch_size import IN_ALL
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.watchdog import EXIT_STUCK
from worker.process.bootstrap import Services
from worker.process.service import run_worker
from worker.settings import Settings


class Gate:
    """Where decoding waits; `begun` counts the assets that have come to it."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun = threading.Semaphore(0)

    def pass_through(self) -> None:
        self.begun.release()
        self.open.wait(PATIENCE_S)


class GatedPredictor(AlteredPredictor):
    """A predictor whose decoding waits at a gate."""

    def __init__(self, whole: Predictor, gate: Gate) -> None:
        super().__init__(whole)
        self._gate = gate

    def picture_and_pdq(self, content: bytes, source: str) -> tuple[PreparedPicture, Pdq]:
        self._gate.pass_through()
        return super().picture_and_pdq(content, source)


@pytest.fixture
def gated(services: Services) -> Iterator[tuple[Pipeline, Gate]]:
    """A pipeline that decodes one asset at a time, when the gate is open."""
    gate = Gate()
    predictors = AlteredPredictors(services.database, lambda whole: GatedPredictor(whole, gate))
    settings = services.settings.model_copy(update={"decode_threads": 1, "stop_s": PATIENCE_S})
    pipeline = Pipeline(services.database, predictors, settings)
    yield pipeline, gate
    gate.open.set()
    pipeline.close()


def test_what_was_not_begun_is_given_back_untried(
    services: Services, gated: tuple[Pipeline, Gate], submitted: Submitted, make_images: MakeImages
) -> None:
    """The asset at hand is finished; the others are queued as if they had never been claimed, and published again."""
    pipeline, gate = gated
    ids = submitted(make_images(6))
    relay_once(services.database, lambda _: None, message_size=8, ahead=2, window=100)
    assert pipeline.accept(ids) == 6
    gate.begun.acquire()
    closer = threading.Thread(target=pipeline.close)
    closer.start()
    wait_until(lambda: pipeline._threads is None or pipeline._threads._is_closing.is_set(), "the threads to close")
    gate.open.set()
    closer.join()
    found = all_jobs(services.database)
    assert sorted((job.status, job.charged) for job in found) == [("queued", 0)] * 5 + [("succeeded", 1)]
    with services.database.read() as session:
        due = set(session.scalars(select(OutboxRow.job_id).where(~OutboxRow.alone)))
    assert due == {job.id for job in found if job.status == "queued"}
    run_worker(services, drain=True)
    assert {(job.status, job.charged) for job in all_jobs(services.database)} == {("succeeded", 1)}


def test_who_waits_for_room_is_not_kept_from_stopping(
    gated: tuple[Pipeline, Gate], submitted: Submitted, make_images: MakeImages
) -> None:
    """A full pipeline takes no more; told to stop, it says so instead of waiting, and has claimed nothing."""
    pipeline, gate = gated
    uris = make_images(IN_ALL + 1)
    pipeline.accept(submitted(uris))
    gate.begun.acquire()
    pipeline.stop_soon()
    with pytest.raises(StoppingError):
        pipeline.accept(submitted(uris))


def test_a_release_activated_in_flight_is_the_one_answered_in(
    services: Services, gated: tuple[Pipeline, Gate], submitted: Submitted, make_images: MakeImages
) -> None:
    """What was predicted for the old release is not stored but predicted anew, at no charge."""
    pipeline, gate = gated
    ids = submitted(make_images(3))
    pipeline.accept(ids)
    gate.begun.acquire()
    with services.database.write() as session:
        old = find_release(session, "default")
        renamed = Taxonomy([Node("shape", "Form"), Node("square", "Square", ("shape",)), Node("colour", "Colour")])
        new_id = add_release(session, renamed, old.name, activate=True).id
    gate.open.set()
    wait_until(lambda: {job.status for job in all_jobs(services.database)} == {"queued"}, "the jobs to be given back")
    assert services.pipeline.run(ids) == 3
    assert {(job.status, job.charged) for job in all_jobs(services.database)} == {("succeeded", 1)}
    with services.database.read() as session:
        assert set(session.scalars(select(LabelRow.release_id))) == {new_id}


def test_a_bundle_activated_under_load_loses_no_job(
    services: Services,
    submitted: Submitted,
    make_images: MakeImages,
    make_bundle: MakeBundle,
    tmp_path: Path,
) -> None:
    """Jobs of before keep their bundle, jobs of after get the new one; one worker runs both, each once."""
    uris = make_images(40)
    before = submitted(uris)
    added = threading.Event()
    after: list[int] = []

    def watch() -> None:
        if not added.is_set() and any(job.status == "succeeded" for job in all_jobs(services.database)):
            added.set()
            add_bundle(services.database, make_bundle(tmp_path / "second", seed=7).folder)
            after.extend(submitted(uris))

    run_worker(services, drain=True, watch=watch)
    run_worker(services, drain=True)
    found = {job.id: job for job in all_jobs(services.database)}
    assert len(after) == len(before)
    assert {found[job_id].bundle_id for job_id in before} != {found[job_id].bundle_id for job_id in after}
    assert {(job.status, job.charged) for job in found.values()} == {("succeeded", 1)}


def test_the_bundles_used_last_stay_loaded(database: Database, make_bundle: MakeBundle, tmp_path: Path) -> None:
    """Of three bundles with room for two, the one that was not used for longest is loaded again."""
    ids = []
    for seed in range(3):
        add_bundle(database, make_bundle(tmp_path / str(seed), seed=seed).folder)
        ids.append(seed + 1)
    predictors = Predictors(database, 2)
    first, second = predictors.get(ids[0]), predictors.get(ids[1])
    assert predictors.get(ids[0]) is first
    third = predictors.get(ids[2])
    assert (predictors.get(ids[0]), predictors.get(ids[2])) == (first, third)
    assert predictors.get(ids[1]) is not second


def test_sigterm_does_not_wait_for_what_hangs(
    settings: Settings, services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """It ends within its grace; all that was in flight is queued again, at no charge."""
    short = settings.model_copy(update={"stop_s": 1.0, "decode_threads": 1})
    ids = submitted([poison(uri, b"hang") for uri in make_images(3)])
    with worker_process(short, POISONED_WORKER) as process:
        wait_until(lambda: {job.status for job in all_jobs(services.database)} == {"running"}, "the jobs to run")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == EXIT_STUCK
    assert [(job.id, job.status, job.charged) for job in all_jobs(services.database)] == [(i, "queued", 0) for i in ids]
