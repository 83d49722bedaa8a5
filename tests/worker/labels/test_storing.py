"""What several batches wait for is stored at once: releases apart, and no two workers in each other's way."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from fixture_types import MakeBundle, MakeImages, Submitted
from sqlalchemy import select

from classifier.inference.predictor import Predictor
from taxonomy import Node, Taxonomy
from worker.audit.activations import add_release
from worker.catalog.releases import find_release
from worker.db.engine import Database
from worker.db.tables import JobRow, LabelRow
from worker.jobs.claims import Claim, claim_jobs, held_claims
from worker.labels.storage import store_predictions
from worker.models.predictors import Predictors
from worker.models.registration import add_bundle
from worker.pipeline import stages
from worker.pipeline.in_flight import Item
from worker.pipeline.stages import store_items
from worker.policies.router import Router
from worker.process.bootstrap import Services


def answered(claim: Claim, predictor: Predictor) -> Item:
    """A claim with a prediction."""
    size_px = predictor.bundle.info.image_size_px
    pixels = torch.zeros(1, 3, size_px, size_px, dtype=torch.uint8)
    return Item(claim, predictor=predictor, prediction=predictor.predict([""], pixels)[0])


def statuses(database: Database) -> dict[int, str]:
    with database.read() as session:
        return dict(session.execute(select(JobRow.id, JobRow.status)).all())


@pytest.mark.parametrize("newest_first", [True, False])
def test_answers_of_two_releases_are_not_mixed_when_stored_together(
    services: Services, submitted: Submitted, make_images: MakeImages, *, newest_first: bool
) -> None:
    """In one transaction those of the active release are stored, and those of the old one given back."""
    database, settings = services.database, services.settings
    claims = claim_jobs(database, submitted(make_images(2)), settings.worker_name, settings.lease_s)
    before = Predictors(database).get(claims[0].bundle_id)
    with database.write() as session:
        renamed = Taxonomy([Node("shape", "Form"), Node("square", "Square", ("shape",)), Node("colour", "Colour")])
        new_id = add_release(session, renamed, find_release(session, "default").name, activate=True).id
    after = Predictors(database).get(claims[0].bundle_id)
    found = [answered(claims[0], after), answered(claims[1], before)]
    store_items(found if newest_first else found[::-1], database, settings, Router(database))
    assert statuses(database) == {claims[0].job_id: "succeeded", claims[1].job_id: "queued"}
    with database.read() as session:
        assert set(session.scalars(select(LabelRow.release_id))) == {new_id}
        assert set(session.scalars(select(LabelRow.asset_id))) == {claims[0].asset_id}


def test_workers_that_store_two_bundles_for_the_same_assets_do_not_block_each_other(
    services: Services,
    submitted: Submitted,
    make_images: MakeImages,
    make_bundle: MakeBundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of them waits for the other, whichever asset each of their bundles has: neither has to try again."""
    database, settings, uris = services.database, services.settings, make_images(2)
    ids = submitted(uris)
    add_bundle(database, make_bundle(tmp_path / "second", seed=7).folder)
    claims = claim_jobs(database, ids + submitted(uris), settings.worker_name, settings.lease_s)
    predictors = Predictors(database)
    items = [answered(claim, predictors.get(claim.bundle_id)) for claim in claims]
    both_hold_one = threading.Barrier(2)

    def store_one_bundle(*given: Any) -> None:
        store_predictions(*given)
        with contextlib.suppress(threading.BrokenBarrierError):
            both_hold_one.wait(0.5)

    monkeypatch.setattr(stages, "store_predictions", store_one_bundle)
    with ThreadPoolExecutor(2) as workers:
        crosswise = [[items[0], items[3]], [items[1], items[2]]]
        for done in [workers.submit(store_items, some, database, settings, Router(database)) for some in crosswise]:
            done.result()
    assert set(statuses(database).values()) == {"succeeded"}


def test_workers_that_store_the_same_asset_and_bundle_at_once_leave_one_answer(
    services: Services, submitted: Submitted, make_images: MakeImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two jobs of one asset, by two workers in the same moment: one of them waits, both succeed, no row is doubled."""
    database, settings, uris = services.database, services.settings, make_images(1)
    claims = claim_jobs(database, submitted(uris) + submitted(uris), settings.worker_name, settings.lease_s)
    predictor = Predictors(database).get(claims[0].bundle_id)
    both_have_begun = threading.Barrier(2)

    def begin(*given: Any) -> list[Claim]:
        with contextlib.suppress(threading.BrokenBarrierError):
            both_have_begun.wait(0.5)
        return held_claims(*given)

    monkeypatch.setattr(stages, "held_claims", begin)
    with ThreadPoolExecutor(2) as workers:
        answers = [[answered(claim, predictor)] for claim in claims]
        for done in [workers.submit(store_items, some, database, settings, Router(database)) for some in answers]:
            done.result()
    assert set(statuses(database).values()) == {"succeeded"}
    with database.read() as session:
        levels = session.scalars(select(LabelRow.level)).all()
    assert levels
    assert len(levels) == len(set(levels))
