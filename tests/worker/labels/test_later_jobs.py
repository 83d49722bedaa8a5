"""Several jobs on one asset: the labels of the one submitted last stay, whichever ends last."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from fixture_types import MakeImages, Submitted
from job_rows import statuses
from sqlalchemy import delete, select

from worker.db.engine import Database
from worker.db.tables import DecisionRow, LabelRow
from worker.jobs.claims import claim_jobs
from worker.models.predictors import Predictors
from worker.pipeline.in_flight import Item
from worker.pipeline.stages import store_items
from worker.policies.router import Router
from worker.process.bootstrap import Services


@pytest.fixture
def answers(services: Services, submitted: Submitted, make_images: MakeImages) -> list[Item]:
    """Three jobs on one asset, each with an answer of its own."""
    (uri,) = make_images(1)
    ids = [job_id for _ in range(3) for job_id in submitted([uri])]
    claims = claim_jobs(services.database, ids, "w", 60.0)
    predictor = Predictors(services.database).get(claims[0].bundle_id)
    pixels = predictor.pixels(Path(uri.removeprefix("file://")).read_bytes(), "")[None]
    whole = predictor.predict([uri], pixels)[0]
    found = []
    for number, claim in enumerate(claims, 1):
        levels = tuple(replace(label, confidence=number / 10) for label in whole.levels)
        found.append(Item(claim, predictor=predictor, prediction=replace(whole, levels=levels)))
    return found


def label_confidences(database: Database) -> set[float]:
    with database.read() as tx:
        return {round(confidence, 3) for confidence in tx.scalars(select(LabelRow.confidence))}


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=lambda order: "".join(map(str, order)))
def test_the_labels_of_the_job_submitted_last_stay(
    services: Services, answers: list[Item], order: tuple[int, ...]
) -> None:
    """One after the other, in any order: each succeeds with a decision of its own."""
    for number in order:
        store_items([answers[number]], services.database, services.settings, Router(services.database))
    assert label_confidences(services.database) == {0.3}
    assert statuses(services.database) == {"succeeded": 3}
    with services.database.read() as tx:
        assert len(tx.scalars(select(DecisionRow)).all()) == 3


def test_in_one_transaction_too(services: Services, answers: list[Item]) -> None:
    """In whatever order they became ready."""
    store_items(answers[::-1], services.database, services.settings, Router(services.database))
    assert label_confidences(services.database) == {0.3}


def test_where_the_later_job_left_no_labels_the_earlier_ones_are_stored(
    services: Services, answers: list[Item]
) -> None:
    """As where it answered in a release that is not the active one any more: no asset is without labels."""
    store_items(answers[2:], services.database, services.settings, Router(services.database))
    with services.database.write() as tx:
        tx.execute(delete(LabelRow))
    store_items(answers[:1], services.database, services.settings, Router(services.database))
    assert label_confidences(services.database) == {0.1}


def test_a_later_job_that_fails_leaves_the_labels(
    services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """An asset that cannot be read any more keeps what it had."""
    (uri,) = make_images(1)
    services.pipeline.run(submitted([uri]))
    before = label_confidences(services.database)
    Path(uri.removeprefix("file://")).write_bytes(b"no image")
    services.pipeline.run(submitted([uri]))
    assert statuses(services.database) == {"succeeded": 1, "failed": 1}
    assert label_confidences(services.database) == before != set()
