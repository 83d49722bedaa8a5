"""The stages run beside each other: the next batch is prepared while the model is busy, and the slow delay nobody."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from sqlalchemy import select
from torch import Tensor

from classifier.inference.prediction import AssetPrediction
from classifier.inference.predictor import Predictor
from worker.db.engine import Database
from worker.db.tables import JobRow
from worker.models.predictors import Predictors
from worker.pipeline.in_flight import Stage
from worker.pipeline.pipeline import Pipeline
from worker.process.bootstrap import Services

Submitted = Callable[[list[str]], list[int]]
MakeImages = Callable[[int], list[str]]

_PATIENCE_S = 60.0


class HeldPredictors(Predictors):
    """Predictors whose model waits at a gate, as does the decoding of assets of one name; the model may dislike one."""

    def __init__(self, database: Database, held: str = "", disliked: str = "") -> None:
        super().__init__(database)
        self.model_gate, self.decode_gate = threading.Event(), threading.Event()
        self.batches: list[int] = []
        self._held = held
        self._disliked = disliked

    def get(self, bundle_id: int) -> Predictor:
        predictor = super().get(bundle_id)
        whole = type(predictor)

        def pixels(content: bytes, source: str) -> Tensor:
            if source == self._held:
                self.decode_gate.wait(_PATIENCE_S)
            return whole.pixels(predictor, content, source)

        def predict(assets: Sequence[str], batch: Tensor) -> list[AssetPrediction]:
            self.batches.append(len(assets))
            self.model_gate.wait(_PATIENCE_S)
            if self._disliked in assets:
                raise torch.OutOfMemoryError("one asset too many")
            return whole.predict(predictor, assets, batch)

        predictor.pixels, predictor.predict = pixels, predict
        return predictor


@pytest.fixture
def pipeline_with(services: Services) -> Iterator[Callable[[HeldPredictors], Pipeline]]:
    """A function that makes a pipeline of held predictors, whose gates open at the end."""
    made: list[tuple[Pipeline, HeldPredictors]] = []

    def make(predictors: HeldPredictors) -> Pipeline:
        made.append((Pipeline(services.database, predictors, services.settings), predictors))
        return made[-1][0]

    yield make
    for pipeline, predictors in made:
        predictors.model_gate.set()
        predictors.decode_gate.set()
        pipeline.close()


def statuses(database: Database) -> dict[str, int]:
    with database.read() as session:
        found = list(session.scalars(select(JobRow.status)))
    return {status: found.count(status) for status in found}


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"waited too long for {what}"
        time.sleep(0.02)


def test_the_next_batch_is_ready_before_the_model_is(
    services: Services,
    pipeline_with: Callable[[HeldPredictors], Pipeline],
    submitted: Submitted,
    make_images: MakeImages,
) -> None:
    """While the model holds one batch, the next is claimed, fetched and decoded; then both are settled."""
    predictors = HeldPredictors(services.database)
    pipeline = pipeline_with(predictors)
    ids = submitted(make_images(16))
    pipeline.accept(ids[:8])
    wait_for(lambda: bool(predictors.batches), "the model to begin")
    begun = predictors.batches[0]
    pipeline.accept(ids[8:])

    def ready() -> int:
        return sum(item.stage is Stage.READY for item in pipeline._in_flight.items())

    wait_for(lambda: ready() == len(ids) - begun, "the rest to be ready")
    predictors.model_gate.set()
    assert pipeline._in_flight.wait_until_empty(_PATIENCE_S)
    assert statuses(services.database) == {"succeeded": 16}


def test_two_passes_run_side_by_side_and_what_waits_is_stored_together(
    services: Services,
    pipeline_with: Callable[[HeldPredictors], Pipeline],
    submitted: Submitted,
    make_images: MakeImages,
) -> None:
    """With two cores two batches are in the model at once; when it is slow no longer, everything is settled."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    predictors = HeldPredictors(services.database)
    pipeline = pipeline_with(predictors)
    try:
        pipeline.accept(submitted(make_images(40)))
        wait_for(lambda: len(predictors.batches) == 2, "both passes to begin")
        predicting = [item for item in pipeline._in_flight.items() if item.stage is Stage.PREDICT]
        assert len(predicting) == sum(predictors.batches)
        predictors.model_gate.set()
        assert pipeline._in_flight.wait_until_empty(_PATIENCE_S)
        pipeline.close()
    finally:
        torch.set_num_threads(before)
    assert statuses(services.database) == {"succeeded": 40}


def test_a_slow_asset_delays_itself_only(
    services: Services,
    pipeline_with: Callable[[HeldPredictors], Pipeline],
    submitted: Submitted,
    make_images: MakeImages,
) -> None:
    """Seven of a batch of eight are stored while the eighth is still being decoded."""
    uris = make_images(8)
    predictors = HeldPredictors(services.database, held=uris[2])
    predictors.model_gate.set()
    pipeline = pipeline_with(predictors)
    pipeline.accept(submitted(uris))
    wait_for(lambda: statuses(services.database) == {"succeeded": 7, "running": 1}, "the other seven")
    predictors.decode_gate.set()
    assert pipeline._in_flight.wait_until_empty(_PATIENCE_S)
    assert statuses(services.database) == {"succeeded": 8}


def test_an_error_of_the_model_is_narrowed_down_to_one(
    services: Services,
    pipeline_with: Callable[[HeldPredictors], Pipeline],
    submitted: Submitted,
    make_images: MakeImages,
) -> None:
    """The batch is halved until the culprit is alone: it is queued again as a suspect, the others succeed at once."""
    uris = make_images(8)
    predictors = HeldPredictors(services.database, disliked=uris[5])
    predictors.model_gate.set()
    pipeline_with(predictors).run(submitted(uris))
    with services.database.read() as session:
        jobs = dict(zip(uris, session.scalars(select(JobRow).order_by(JobRow.id)), strict=True))
    culprit = jobs.pop(uris[5])
    assert (culprit.status, culprit.code, culprit.attempt) == ("queued", "internal_error", 1)
    assert "one asset too many" in (culprit.message or "")
    assert {(job.status, job.attempt) for job in jobs.values()} == {("succeeded", 1)}
