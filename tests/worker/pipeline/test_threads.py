"""The stages run beside each other: the next batch is prepared while the model is busy, and the slow delay nobody."""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from altered_predictors import AlteredPredictor, AlteredPredictors
from fixture_types import MakeImages, Submitted
from job_rows import all_jobs, statuses
from torch import Tensor
from waiting import PATIENCE_S, wait_until

from classifier.images.pdq import Pdq
from classifier.inference.prediction import AssetPrediction
from classifier.inference.predictor import Predictor, PreparedPicture
from worker.pipeline.in_flight import Stage
from worker.pipeline.pipeline import Pipeline
from worker.process.bootstrap import Services


class Held:
    """A pipeline whose model waits at a gate, as does the decoding of one asset; the model may dislike another."""

    def __init__(self, services: Services, held: str = "", disliked: str = "") -> None:
        self.model_gate, self.decode_gate = threading.Event(), threading.Event()
        self.batches: list[int] = []
        self.held = held
        self.disliked = disliked
        predictors = AlteredPredictors(services.database, lambda whole: HeldPredictor(whole, self))
        self.pipeline = Pipeline(services.database, predictors, services.settings)

    def open(self) -> None:
        self.model_gate.set()
        self.decode_gate.set()


class HeldPredictor(AlteredPredictor):
    """A predictor that waits where it is told to."""

    def __init__(self, whole: Predictor, held: Held) -> None:
        super().__init__(whole)
        self._at = held

    def picture_and_pdq(self, content: bytes, source: str) -> tuple[PreparedPicture, Pdq]:
        if source == self._at.held:
            self._at.decode_gate.wait(PATIENCE_S)
        return super().picture_and_pdq(content, source)

    def predict(self, assets: Sequence[str], pixels: Tensor) -> list[AssetPrediction]:
        self._at.batches.append(len(assets))
        self._at.model_gate.wait(PATIENCE_S)
        if self._at.disliked in assets:
            raise torch.OutOfMemoryError("one asset too many")
        return super().predict(assets, pixels)


Hold = Callable[..., Held]


@pytest.fixture
def hold(services: Services) -> Iterator[Hold]:
    """hold(held="", disliked=""): a held pipeline, whose gates open at the end."""
    made: list[Held] = []

    def make(held: str = "", disliked: str = "") -> Held:
        made.append(Held(services, held, disliked))
        return made[-1]

    yield make
    for each in made:
        each.open()
        each.pipeline.close()


def test_the_next_batch_is_ready_before_the_model_is(
    services: Services, hold: Hold, submitted: Submitted, make_images: MakeImages
) -> None:
    """While the model holds one batch, the next is claimed, fetched and decoded; then both are settled."""
    held = hold()
    ids = submitted(make_images(16))
    held.pipeline.accept(ids[:8])
    wait_until(lambda: bool(held.batches), "the model to begin")
    begun = held.batches[0]
    held.pipeline.accept(ids[8:])

    def ready() -> int:
        return sum(item.stage is Stage.READY for item in held.pipeline._in_flight.items())

    wait_until(lambda: ready() == len(ids) - begun, "the rest to be ready")
    held.model_gate.set()
    assert held.pipeline._in_flight.wait_until_empty(PATIENCE_S)
    assert statuses(services.database) == {"succeeded": 16}


def test_two_passes_run_side_by_side_and_what_waits_is_stored_together(
    services: Services, hold: Hold, submitted: Submitted, make_images: MakeImages
) -> None:
    """With two cores two batches are in the model at once; when it is slow no longer, everything is settled."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    held = hold()
    try:
        held.pipeline.accept(submitted(make_images(40)))
        wait_until(lambda: len(held.batches) == 2, "both passes to begin")
        predicting = [item for item in held.pipeline._in_flight.items() if item.stage is Stage.PREDICT]
        assert len(predicting) == sum(held.batches)
        held.model_gate.set()
        assert held.pipeline._in_flight.wait_until_empty(PATIENCE_S)
        held.pipeline.close()
    finally:
        torch.set_num_threads(before)
    assert statuses(services.database) == {"succeeded": 40}


def test_a_slow_asset_delays_itself_only(
    services: Services, hold: Hold, submitted: Submitted, make_images: MakeImages
) -> None:
    """Seven of a batch of eight are stored while the eighth is still being decoded."""
    uris = make_images(8)
    held = hold(held=uris[2])
    held.model_gate.set()
    held.pipeline.accept(submitted(uris))
    wait_until(lambda: statuses(services.database) == {"succeeded": 7, "running": 1}, "the other seven")
    held.decode_gate.set()
    assert held.pipeline._in_flight.wait_until_empty(PATIENCE_S)
    assert statuses(services.database) == {"succeeded": 8}


def test_an_error_of_the_model_is_narrowed_down_to_one(
    services: Services, hold: Hold, submitted: Submitted, make_images: MakeImages
) -> None:
    """The batch is halved until the culprit is alone: it is queued again as a suspect, the others succeed at once."""
    uris = make_images(8)
    held = hold(disliked=uris[5])
    held.model_gate.set()
    held.pipeline.run(submitted(uris))
    jobs = dict(zip(uris, all_jobs(services.database), strict=True))
    culprit = jobs.pop(uris[5])
    assert (culprit.status, culprit.code, culprit.attempt) == ("queued", "internal_error", 1)
    assert "one asset too many" in (culprit.message or "")
    assert {(job.status, job.attempt) for job in jobs.values()} == {("succeeded", 1)}
