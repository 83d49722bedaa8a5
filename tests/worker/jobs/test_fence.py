"""A cancelled run whose answer comes after its job was tried again: it is thrown away."""

import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from fixture_types import MakeImages, Submitted
from hostile_site import answer, serving
from job_rows import all_jobs
from sqlalchemy import select
from waiting import PATIENCE_S, wait_until

from worker.db.tables import DecisionRow, LabelRow
from worker.jobs.requests import cancel_job, retry_job
from worker.process.bootstrap import Services, bootstrap


class TwoAnswers:
    """A page that gives each visit an image of its own, when its gate is open."""

    def __init__(self, images: list[bytes]) -> None:
        self.images = images
        self.gates = [threading.Event() for _ in images]
        self.asked = 0

    def __call__(self, visit: BaseHTTPRequestHandler) -> None:
        number, self.asked = self.asked, self.asked + 1
        self.gates[number].wait(PATIENCE_S)
        answer(self.images[number])(visit)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first-comes-first", "first-comes-last"])
def test_the_answer_of_a_cancelled_run_is_thrown_away(
    services: Services, submitted: Submitted, make_images: MakeImages, order: tuple[int, int]
) -> None:
    """Whether it comes before or after that of the second run, what is stored is what the second one found."""
    page = TwoAnswers([Path(uri.removeprefix("file://")).read_bytes() for uri in make_images(2)])
    changes = {"asset_networks": "127.0.0.1/32", "fetch_read_s": PATIENCE_S, "fetch_total_s": PATIENCE_S}
    settings = type(services.settings)(**{**services.settings.model_dump(exclude_unset=True), **changes})
    workers = [bootstrap(settings) for _ in page.images]
    with serving({"/a": page}) as site:
        (job_id,) = submitted([f"http://127.0.0.1:{site.port}/a"])
        workers[0].pipeline.accept([job_id])
        wait_until(lambda: page.asked == 1, "the first fetch")
        cancel_job(services.database, job_id)
        retry_job(services.database, job_id)
        workers[1].pipeline.accept([job_id])
        wait_until(lambda: page.asked == 2, "the second fetch")
        for number in order:
            page.gates[number].set()
            wait_until(workers[number].pipeline.is_idle, f"the end of run {number}")
            (job,) = all_jobs(services.database)
            assert job.status == ("succeeded" if page.gates[1].is_set() else "running")
    assert (job.status, job.attempt, job.charged) == ("succeeded", 2, 1)
    assert stored_confidences(services) == confidences_of(workers[1], page.images[1])
    for worker in workers:
        worker.close()


def stored_confidences(services: Services) -> dict[str, Any]:
    with services.database.read() as tx:
        assert len(tx.scalars(select(DecisionRow)).all()) == 1
        return {row.node_id: pytest.approx(row.confidence, abs=1e-4) for row in tx.scalars(select(LabelRow))}


def confidences_of(worker: Services, content: bytes) -> dict[str, float]:
    predictor = worker.pipeline._predictors.get(1)
    (prediction,) = predictor.predict([""], predictor.pixels(content, "")[None])
    return {label.node: label.confidence for label in prediction.levels}
