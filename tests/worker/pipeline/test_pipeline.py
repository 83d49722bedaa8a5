"""What becomes of a batch: good assets, bad assets, bad bundles and bugs."""

import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from fixture_types import MakeBundle, MakeImages, Submitted
from PIL import Image
from sqlalchemy import select
from waiting import wait_until

from classifier.bundles.bundle import Bundle
from classifier.inference.predictor import Predictor
from taxonomy import Node, Taxonomy
from worker.catalog.serving import active_bundle
from worker.db.engine import Database
from worker.db.tables import JobRow, LabelRow
from worker.errors import RetryableError
from worker.jobs.claims import claim_jobs
from worker.jobs.queries import show_job
from worker.jobs.reaper import reap_once
from worker.labels.storage import labels_under
from worker.models.predictors import Predictors
from worker.models.registration import add_bundle
from worker.pipeline.in_flight import InFlight, Item
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.watchdog import Watchdog
from worker.process.bootstrap import Services
from worker.supervision.pulses import Pulses

_LEASE_S = 1.0  # three beats of the watchdog


@pytest.fixture
def pipeline_with(services: Services) -> Iterator[Callable[..., Pipeline]]:
    """A function that makes a pipeline with other settings or predictors."""
    made = []

    def make(predictors: Predictors | None = None, **changes: object) -> Pipeline:
        settings = services.settings.model_copy(update=changes)
        made.append(Pipeline(services.database, predictors or Predictors(services.database), settings))
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.close()


def statuses(database: Database) -> dict[int, tuple[str, str | None]]:
    with database.read() as session:
        return {row.id: (row.status, row.code) for row in session.scalars(select(JobRow))}


def confidences(database: Database) -> dict[tuple[int, str], float]:
    with database.read() as session:
        return {(row.asset_id, row.node_id): row.confidence for row in session.scalars(select(LabelRow))}


def bad_assets(folder: Path) -> dict[str, str]:
    """URI -> the code it must fail with."""
    jpeg = folder / "whole.jpg"
    Image.effect_noise((64, 64), 80).convert("RGB").save(jpeg)
    (folder / "truncated.jpg").write_bytes(jpeg.read_bytes()[:500])
    (folder / "text.jpg").write_text("this is no picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "page.jpg").write_text("<html><svg></svg></html>")
    header = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(100))
    chunks = (struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) for body in (header, data))
    (folder / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return {
        (folder / "missing.png").as_uri(): "asset_not_found",
        (folder / "truncated.jpg").as_uri(): "unreadable_image",
        (folder / "text.jpg").as_uri(): "unsupported_format",
        (folder / "empty.png").as_uri(): "unreadable_image",
        (folder / "page.jpg").as_uri(): "unsupported_format",
        (folder / "huge.png").as_uri(): "image_too_large",
        folder.as_uri(): "access_denied",
    }


def test_bad_assets_fail_alone(
    services: Services, submitted: Submitted, make_images: MakeImages, tmp_path: Path
) -> None:
    """Each bad asset fails with its own code; every good one of the same batch succeeds."""
    bad = bad_assets(tmp_path)
    good = make_images(5)
    ids = submitted([*good[:2], *bad, *good[2:]])
    assert services.pipeline.run(ids) == len(ids)
    found = statuses(services.database)
    expected = [("succeeded", None)] * 2 + [("failed", code) for code in bad.values()] + [("succeeded", None)] * 3
    assert [found[job_id] for job_id in ids] == expected


def test_labels_say_what_the_predictor_says(
    services: Services, bundle: Bundle, submitted: Submitted, make_images: MakeImages
) -> None:
    """Labels, decision and the stored object agree with a direct prediction, whatever the batch was."""
    uris = make_images(11)
    ids = submitted(uris)
    services.pipeline.run(ids)
    predictor = Predictor(bundle)
    for job_id, uri in zip(ids, uris, strict=True):
        pixels = predictor.pixels(Path(uri.removeprefix("file://")).read_bytes(), uri)
        (expected,) = predictor.predict([uri], torch.stack([pixels]))
        with services.database.read() as session:
            stored = show_job(session, job_id)["prediction"]
        assert stored["decision"]["node"] == expected.decision.node
        confidences = [level.confidence for level in expected.levels]
        assert [level["confidence"] for level in stored["levels"]] == pytest.approx(confidences, abs=1e-5)


def test_label_rows_hold_the_whole_path_coherently(
    services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """One row a level, confidence never rising, and `on_path` down to the level of the decision."""
    ids = submitted(make_images(9))
    services.pipeline.run(ids)
    with services.database.read() as session:
        for job_id in ids:
            shown = show_job(session, job_id)
            asset_id = session.get_one(JobRow, job_id).asset_id
            query = select(LabelRow).where(LabelRow.asset_id == asset_id).order_by(LabelRow.level)
            rows = session.scalars(query).all()
            assert [row.node_id for row in rows] == [level["node"] for level in shown["prediction"]["levels"]]
            assert all(a.confidence >= b.confidence for a, b in pairwise(rows))
            decided = shown["prediction"]["decision"]["level"]
            assert [row.on_path for row in rows] == [row.level <= decided for row in rows]


def test_running_twice_changes_nothing(services: Services, submitted: Submitted, make_images: MakeImages) -> None:
    """A second message with the same ids finds nothing to do; a second job on an asset replaces its labels."""
    uris = make_images(3)
    ids = submitted(uris)
    assert services.pipeline.run(ids) == 3
    before = confidences(services.database)
    assert services.pipeline.run(ids) == 0
    assert services.pipeline.run(submitted(uris)) == 3
    assert confidences(services.database) == pytest.approx(before, abs=1e-5)


def test_one_asset_twice_in_a_batch(services: Services, submitted: Submitted, make_images: MakeImages) -> None:
    """Both jobs succeed, with one set of labels."""
    (uri,) = make_images(1)
    services.pipeline.run(submitted([uri, uri]))
    assert set(statuses(services.database).values()) == {("succeeded", None)}


def test_human_labels_are_not_overwritten(services: Services, submitted: Submitted, make_images: MakeImages) -> None:
    """What a person said of an asset stays beside what the model says."""
    uris = make_images(1)
    ids = submitted(uris)
    with services.database.write() as session:
        asset_id = session.get_one(JobRow, ids[0]).asset_id
        release_id = active_bundle(session).release_id
        values = {"level": 1, "confidence": 1.0, "on_path": True, "source": "human"}
        session.add(LabelRow(asset_id=asset_id, release_id=release_id, bundle_id=0, node_id="shape", **values))
    services.pipeline.run(ids)
    services.pipeline.run(submitted(uris))
    with services.database.read() as session:
        human = session.scalars(select(LabelRow).where(LabelRow.source == "human")).one()
        assert human.confidence == 1.0
        assert len(session.scalars(select(LabelRow)).all()) > 1


def test_a_bundle_that_vanished_fails_the_jobs(services: Services, bundle: Bundle, submitted: Submitted) -> None:
    """Failed with bundle_not_found, not retried for ever."""
    ids = submitted(["file:///a.png", "file:///b.png"])
    shutil.rmtree(bundle.folder)
    services.pipeline.run(ids)
    assert set(statuses(services.database).values()) == {("failed", "bundle_not_found")}


@pytest.mark.parametrize(("other_taxonomy", "code"), [(True, "taxonomy_mismatch"), (False, "bundle_not_found")])
def test_a_bundle_that_was_replaced_fails_the_jobs(
    services: Services,
    bundle: Bundle,
    submitted: Submitted,
    make_bundle: MakeBundle,
    other_taxonomy: bool,
    code: str,
) -> None:
    """Jobs never get labels of another release or model than the one they were submitted for."""
    ids = submitted(["file:///a.png"])
    shutil.rmtree(bundle.folder)
    taxonomy = Taxonomy([Node("x", "X"), Node("y", "Y")]) if other_taxonomy else bundle.taxonomy
    make_bundle(bundle.folder, taxonomy, seed=1)
    services.pipeline.run(ids)
    assert statuses(services.database)[ids[0]] == ("failed", code)


def test_jobs_of_two_bundles_in_one_message(
    services: Services,
    submitted: Submitted,
    make_images: MakeImages,
    make_bundle: MakeBundle,
    tmp_path: Path,
) -> None:
    """Each job runs on the bundle it was submitted for."""
    uris = make_images(2)
    first = submitted(uris)
    add_bundle(services.database, make_bundle(tmp_path / "second", seed=7).folder)
    second = submitted(uris)
    services.pipeline.run([*first, *second])
    with services.database.read() as session:
        models = [show_job(session, job_id)["prediction"]["model"] for job_id in [*first, *second]]
    assert models[0] == models[1] != models[2] == models[3]


def test_roots_fence_the_files(
    services: Services,
    pipeline_with: Callable[..., Pipeline],
    submitted: Submitted,
    make_images: MakeImages,
    tmp_path: Path,
) -> None:
    """Outside the roots is denied, by `..` and by links too; inside works."""
    root = tmp_path / "root"
    root.mkdir()
    inside, outside = make_images(2)
    shutil.move(inside.removeprefix("file://"), root / "inside.png")
    (root / "link.png").symlink_to(outside.removeprefix("file://"))
    fenced = pipeline_with(asset_roots=(root.resolve(),))
    uris = [f"file://{root}/inside.png", outside, f"file://{root}/link.png", f"file://{root}/../{Path(outside).name}"]
    ids = submitted(uris)
    fenced.run(ids)
    found = statuses(services.database)
    denied = ("failed", "access_denied")
    assert [found[job_id] for job_id in ids] == [("succeeded", None), denied, denied, denied]


class BrokenPredictors(Predictors):
    """Predictors that raise what they are given."""

    def __init__(self, database: Database, error: Exception) -> None:
        super().__init__(database)
        self._error = error

    def get(self, bundle_id: int) -> Predictor:
        del bundle_id
        raise self._error


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), RetryableError("not now")])
def test_what_is_no_assets_fault_is_tried_again_then_dead(
    services: Services, pipeline_with: Callable[..., Pipeline], submitted: Submitted, error: Exception
) -> None:
    """A bug of ours and the world's fault are recorded alike; both end dead after all attempts, none is lost."""
    ids = submitted(["file:///a.png", "file:///b.png"])
    broken = pipeline_with(BrokenPredictors(services.database, error))
    assert [broken.run(ids) for _ in range(services.settings.max_attempts + 1)] == [2, 2, 2, 0]
    with services.database.read() as session:
        for job_id in ids:
            row = session.get_one(JobRow, job_id)
            assert (row.status, row.code, row.attempt) == ("dead", "out_of_attempts", 3)
            assert str(error) in (row.message or "")


def lease_end(database: Database, job_id: int) -> datetime:
    with database.read() as session:
        end = session.get_one(JobRow, job_id).lease_until
    assert end is not None
    return end


def is_past(database: Database, moment: datetime) -> bool:
    with database.read() as session:
        return session.now() > moment


def test_a_batch_outlives_its_lease_by_heartbeat(services: Services, submitted: Submitted) -> None:
    """Long work on a short lease is not claimed by another while its worker lives."""
    database = services.database
    (job_id,) = submitted(["file:///a.png"])
    in_flight = InFlight()
    in_flight.add(Item(claim) for claim in claim_jobs(database, [job_id], "slow", _LEASE_S))
    first_end = lease_end(database, job_id)
    watchdog = Watchdog(database, in_flight, services.settings.model_copy(update={"lease_s": _LEASE_S}), Pulses())
    watchdog.start()
    wait_until(lambda: is_past(database, first_end), "the first lease to end")
    assert reap_once(database, max_attempts=3, republish_s=60, lease_s=60.0).expired == 0
    watchdog.stop()
    last_end = lease_end(database, job_id)
    wait_until(lambda: is_past(database, last_end), "the last lease to end")
    assert reap_once(database, max_attempts=3, republish_s=60, lease_s=60.0).expired == 1


def test_pages_of_labels_neither_skip_nor_repeat(
    services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """Keyset pages over all assets under a root give each asset once, most confident first."""
    services.pipeline.run(submitted(make_images(23)))
    seen = []
    after = None
    with services.database.read() as session:
        release_id = active_bundle(session).release_id
        while page := list(labels_under(session, release_id, "shape", 0.0, limit=5, after=after)):
            seen.extend(page)
            after = (page[-1].confidence, page[-1].asset_id)
        total = session.scalars(select(LabelRow.asset_id).where(LabelRow.node_id == "shape")).all()
    assert sorted(row.asset_id for row in seen) == sorted(total)
    assert [row.confidence for row in seen] == sorted((row.confidence for row in seen), reverse=True)
