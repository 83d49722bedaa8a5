"""How batches are put together, and how large they are."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from fixture_types import MakeBundle
from torch import Tensor

from classifier.bundles.bundle import Bundle
from classifier.inference.prediction import AssetPrediction
from classifier.inference.predictor import Predictor
from worker.jobs.claims import Claim
from worker.pipeline.batch_size import LARGEST, BatchSizes, measure_batch_size
from worker.pipeline.batcher import Batcher
from worker.pipeline.in_flight import Item
from worker.pipeline.parallelism import forward_passes


@pytest.fixture(scope="session")
def predictors(make_bundle: MakeBundle, tmp_path_factory: pytest.TempPathFactory) -> list[Predictor]:
    """Two loaded bundles."""
    folder: Path = tmp_path_factory.mktemp("bundles")
    return [Predictor(make_bundle(folder / str(seed), seed=seed)) for seed in (0, 1)]


def items(predictor: Predictor, count: int, *, age_s: float = 0.0) -> list[Item]:
    since = time.monotonic() - age_s
    return [Item(Claim(number, 1, number, 1, "file:///a"), predictor, since=since) for number in range(count)]


def test_full_batches_in_order(predictors: list[Predictor]) -> None:
    """Nothing waits for more when a batch is full; the rest goes when no more is expected."""
    batcher, (predictor, _) = Batcher(), predictors
    sent = items(predictor, 7)
    batcher.expect(predictor, 7, batch_size=3)
    for item in sent:
        batcher.put(item)
    assert [batcher.take(), batcher.take(), batcher.take()] == [sent[:3], sent[3:6], sent[6:]]


def test_the_slow_do_not_stall_the_ready(predictors: list[Predictor]) -> None:
    """What waited for a slow one goes without it, and the slow one follows."""
    batcher, (predictor, _) = Batcher(), predictors
    *quick, slow = items(predictor, 3)
    batcher.expect(predictor, 3, batch_size=3)
    for item in quick:
        batcher.put(item)
    assert batcher.take() == quick
    batcher.put(slow)
    assert batcher.take() == [slow]


def test_batches_are_of_one_bundle_and_the_oldest_goes_first(predictors: list[Predictor]) -> None:
    """Jobs of two bundles that come mixed are predicted in two passes."""
    batcher = Batcher()
    old, new = items(predictors[0], 2, age_s=1.0), items(predictors[1], 2)
    for predictor in predictors:
        batcher.expect(predictor, 2, batch_size=8)
    for pair in zip(new, old, strict=True):
        for item in pair:
            batcher.put(item)
    assert [batcher.take(), batcher.take()] == [old, new]


def test_it_ends_once_all_was_taken(predictors: list[Predictor]) -> None:
    """Closed, it still gives what was expected, then None."""
    batcher, (predictor, _) = Batcher(), predictors
    (item,) = items(predictor, 1)
    batcher.expect(predictor, 1, batch_size=4)
    batcher.close()
    batcher.put(item)
    assert [batcher.take(), batcher.take()] == [[item], None]


@pytest.mark.parametrize(("cores", "passes"), [(1, (1, 1)), (2, (2, 1)), (4, (4, 1)), (16, (4, 4))])
def test_processors_run_passes_side_by_side(cores: int, passes: tuple[int, int]) -> None:
    """Of one thread each while there are few cores; a GPU runs one at a time."""
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        assert forward_passes(torch.device("cpu")) == passes
        assert forward_passes(torch.device("cuda")) == (1, cores)
    finally:
        torch.set_num_threads(before)


class Machine(Predictor):
    """A predictor on a machine of which the seconds of a forward pass are known, with a clock of its own."""

    def __init__(self, bundle: Bundle, seconds: Callable[[int], float]) -> None:
        self.bundle = bundle
        self.passes: list[int] = []
        self._seconds = seconds
        self._now = 0.0

    def clock(self) -> float:
        return self._now

    def predict(self, assets: Sequence[str], pixels: Tensor) -> list[AssetPrediction]:
        del pixels
        self.passes.append(len(assets))
        self._now += self._seconds(len(assets))
        return []


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        pytest.param(lambda size: 0.02 + 0.0001 * size, LARGEST, id="a pass costs much, an image little"),
        pytest.param(lambda size: 0.02 * size**1.2, 1, id="large batches lose"),
        pytest.param(lambda size: 0.04 + 0.0005 * size**2, 8, id="a best size between"),
        pytest.param(
            lambda size: 0.02 * size if size < 8 else 0.0202 * size, 4, id="none that is slower than one by one"
        ),
        pytest.param(
            lambda size: (0.004 if size == 1 else 0.002) * size, LARGEST, id="of equally fast ones the largest"
        ),
    ],
)
def test_the_batch_size_is_the_fastest(predictors: list[Predictor], seconds: Callable[[int], float], best: int) -> None:
    """The size of most images/s, and one where larger batches are no gain."""
    machine = Machine(predictors[0].bundle, seconds)
    assert measure_batch_size(machine, machine.clock) == best


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("of 64")])
def test_a_size_that_memory_does_not_hold_is_not_taken(predictors: list[Predictor], error: Exception) -> None:
    """The largest one below it is."""

    def seconds(size: int) -> float:
        if size > 16:
            raise error
        return 0.001 * size

    machine = Machine(predictors[0].bundle, seconds)
    assert measure_batch_size(machine, machine.clock) == 16


def test_it_is_measured_once_for_each_bundle_unless_given(predictors: list[Predictor]) -> None:
    """Once measured it is known, for this bundle alone; a size that is given is never measured."""
    machine = Machine(predictors[0].bundle, lambda _: 0.001)
    sizes = BatchSizes(clock=machine.clock)
    assert sizes.known(machine) is None
    assert sizes.measure(machine) == sizes.known(machine) == LARGEST
    assert sizes.known(predictors[1]) is None
    assert BatchSizes(7).known(machine) == 7
