"""Known content on its way through a real worker: before the model, with real photographs."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from altered_predictors import AlteredPredictor, AlteredPredictors
from job_rows import statuses
from known_pictures import copy_of, hash_file, pdq_of_file, sha256_of_file, sharp_photographs
from sqlalchemy import delete, event, select
from torch import Tensor

from classifier.bundles.bundle import Bundle
from classifier.inference.prediction import AssetPrediction, read_prediction
from classifier.inference.predictor import Predictor
from worker.assets.queries import show_asset
from worker.db.engine import Database
from worker.db.tables import HashEntryRow, HashListRow, LabelRow
from worker.dispatch.queues import Destination
from worker.jobs.queries import list_jobs, show_job
from worker.jobs.reclassification import Choice, count_chosen
from worker.jobs.submission import Request, submit
from worker.pipeline.pipeline import Pipeline
from worker.policies.hash_lists.importing import ListOptions, import_hashes
from worker.policies.hash_lists.storage import delete_hash_list
from worker.process.bootstrap import Services, bootstrap
from worker.process.celery_consumer import stop_consuming
from worker.process.service import run_worker
from worker.settings import Settings

SKIP = ListOptions(skip_model=True)

pytestmark = pytest.mark.photographs


class CountingPredictor(AlteredPredictor):
    """A predictor that says which assets the model saw."""

    def __init__(self, whole: Predictor, seen: list[str]) -> None:
        super().__init__(whole)
        self._seen = seen

    def predict(self, assets: Sequence[str], pixels: Tensor) -> list[AssetPrediction]:
        self._seen.extend(assets)
        return super().predict(assets, pixels)


@pytest.fixture
def seen() -> list[str]:
    """The assets that the model saw."""
    return []


@pytest.fixture
def pipeline(services: Services, seen: list[str]) -> Iterator[Pipeline]:
    """That of a worker, whose model tells what it saw."""
    predictors = AlteredPredictors(services.database, lambda whole: CountingPredictor(whole, seen))
    made = Pipeline(services.database, predictors, services.settings)
    made._known._check_s = 0.0  # the database is asked each time
    yield made
    made.close()


@pytest.fixture
def pictures(photographs: Path, tmp_path: Path) -> list[Path]:
    """Three photographs and, as the fourth, a smaller and coarser copy of the first."""
    three = sharp_photographs(photographs, 3)
    return [*three, copy_of(three[0], tmp_path / "copy.jpg", scale=0.6, quality=40)]


def jobs_on(database: Database, paths: Sequence[Path], tenant: str = "default") -> list[int]:
    requests = [Request(path.resolve().as_uri()) for path in paths]
    return [job for ids in submit(database, requests, Destination(tenant=tenant)) for job in ids]


def prediction_of(database: Database, job_id: int) -> dict[str, Any]:
    with database.read() as tx:
        found: dict[str, Any] = show_job(tx, job_id)["prediction"]
    return found


def test_a_copy_matches_and_another_picture_does_not(
    services: Services, pipeline: Pipeline, pictures: list[Path], tmp_path: Path
) -> None:
    """By PDQ the original and its copy, by SHA-256 the same bytes only; where nothing matches nothing is said."""
    import_hashes(services.database, "looks", hash_file(tmp_path, pdq_of_file(pictures[0]).bits))
    bytes_of = hash_file(tmp_path, sha256_of_file(pictures[0]), sha256_of_file(pictures[1]), kind="sha256")
    import_hashes(services.database, "bytes", bytes_of)
    ids = jobs_on(services.database, pictures)
    pipeline.run(ids)
    found = [prediction_of(services.database, job) for job in ids]
    assert [each.get("hash_lists") for each in found] == [["bytes", "looks"], ["bytes"], None, ["looks"]]
    assert all(each["levels"] for each in found)
    assert read_prediction(found[0]).as_dict() == found[0]


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.3])
@pytest.mark.parametrize("quality", [90, 30])
def test_copies_are_within_the_default_distance(photographs: Path, tmp_path: Path, scale: float, quality: int) -> None:
    """Thirty photographs in other sizes and qualities; no two of them are near each other."""
    originals = sharp_photographs(photographs, 30)
    hashes = [int(pdq_of_file(path).bits, 16) for path in originals]
    for path, original in zip(originals, hashes, strict=True):
        copy = int(pdq_of_file(copy_of(path, tmp_path / "copy.jpg", scale=scale, quality=quality)).bits, 16)
        assert (copy ^ original).bit_count() <= 31
        assert all((copy ^ other).bit_count() > 31 for other in hashes if other != original)


def test_a_match_may_skip_the_model(
    services: Services, pipeline: Pipeline, seen: list[str], pictures: list[Path], tmp_path: Path
) -> None:
    """The model never sees it; the job succeeds, undecided, with a decision row, and no labels."""
    import_hashes(services.database, "blocked", hash_file(tmp_path, pdq_of_file(pictures[0]).bits), SKIP)
    ids = jobs_on(services.database, pictures)
    pipeline.run(ids)
    assert statuses(services.database) == {"succeeded": 4}
    assert sorted(seen) == sorted(path.resolve().as_uri() for path in pictures[1:3])
    found = prediction_of(services.database, ids[0])
    assert found["levels"] == []
    assert found["hash_lists"] == ["blocked"]
    assert found["decision"] == {
        "node": None, "path": [], "level": 0, "confidence": 0.0, "reason": "known content: blocked"}  # fmt: skip
    assert read_prediction(found).on_path() == ()
    with services.database.read() as tx:
        labelled = set(tx.scalars(select(LabelRow.asset_id)))
        asset = show_asset(tx, "default", pictures[0].resolve().as_uri())
        assert (len(labelled), asset["labels"], asset["prediction"]) == (2, [], found)
        assert asset["content_sha256"] == sha256_of_file(pictures[0])
        assert [job["status"] for job in list_jobs(tx)] == ["succeeded"] * 4
        assert count_chosen(tx, Choice(unlabelled=True))["total"] == 2


def test_an_asset_that_becomes_known_loses_the_labels_it_had(
    services: Services, pipeline: Pipeline, pictures: list[Path], tmp_path: Path
) -> None:
    """As any later answer replaces the one before; and gets labels again when the list knows it no longer."""

    def labels_after_a_job() -> int:
        pipeline.run(jobs_on(services.database, pictures[:1]))
        with services.database.read() as tx:
            return len(tx.scalars(select(LabelRow.node_id)).all())

    before = labels_after_a_job()
    import_hashes(services.database, "blocked", hash_file(tmp_path, pdq_of_file(pictures[0]).bits), SKIP)
    assert labels_after_a_job() == 0
    delete_hash_list(services.database, "blocked")
    assert labels_after_a_job() == before > 0


def test_reused_answers_say_what_the_lists_say_now(
    settings: Settings, bundle: Bundle, pictures: list[Path], tmp_path: Path
) -> None:
    """An answer of before is reused with the lists of now, and one that needed no model is never reused."""
    services = bootstrap(settings.model_copy(update={"reuse": "content"}))
    services.pipeline._known._check_s = 0.0
    one = pictures[:1]

    def next_prediction() -> dict[str, Any]:
        ids = jobs_on(services.database, one)
        services.pipeline.run(ids)
        return prediction_of(services.database, ids[0])

    first = next_prediction()
    file = hash_file(tmp_path, pdq_of_file(pictures[0]).bits)
    import_hashes(services.database, "looks", file)
    assert next_prediction() == {**first, "reused": True, "hash_lists": ["looks"]}
    import_hashes(services.database, "looks", file, SKIP)
    assert next_prediction()["levels"] == []
    delete_hash_list(services.database, "looks")
    assert next_prediction() == first
    assert next_prediction() == {**first, "reused": True}
    assert first["model"] == bundle.model
    services.close()


def test_tenants_have_lists_of_their_own(
    services: Services, pipeline: Pipeline, pictures: list[Path], tmp_path: Path
) -> None:
    """What one tenant knows, another does not."""
    file = hash_file(tmp_path, pdq_of_file(pictures[0]).bits)
    import_hashes(services.database, "private", file, SKIP, tenant="shop")
    ids = [*jobs_on(services.database, pictures[:1], "shop"), *jobs_on(services.database, pictures[:1], "rival")]
    pipeline.run(ids)
    found = [prediction_of(services.database, job) for job in ids]
    assert [each.get("hash_lists") for each in found] == [["private"], None]
    assert [bool(each["levels"]) for each in found] == [False, True]


def test_a_list_that_cannot_be_read_lets_nothing_through(
    services: Services, pipeline: Pipeline, seen: list[str], pictures: list[Path], tmp_path: Path
) -> None:
    """What might be known content is tried again, and the model does not see it, until the list is well."""
    import_hashes(services.database, "blocked", hash_file(tmp_path, pdq_of_file(pictures[0]).bits), SKIP)
    with services.database.write() as tx:
        tx.add(HashEntryRow(list_id=tx.scalars(select(HashListRow.id)).one(), kind="pdq", hash="ab"))
    ids = jobs_on(services.database, pictures[:1])
    pipeline.run(ids)
    assert statuses(services.database) == {"queued": 1}
    assert seen == []
    with services.database.write() as tx:
        tx.execute(delete(HashEntryRow).where(HashEntryRow.hash == "ab"))
    pipeline.run(ids)
    assert prediction_of(services.database, ids[0])["decision"]["reason"] == "known content: blocked"


def test_a_running_worker_follows_a_list(services: Services, pictures: list[Path], tmp_path: Path) -> None:
    """Through queue, broker and consumer: unknown at first, and known once the list was imported beside the worker."""
    services.pipeline._known._check_s = 0.05
    first = jobs_on(services.database, pictures)
    later: list[int] = []

    def watch() -> None:
        done = statuses(services.database)["succeeded"]
        if not later and done == len(first):
            import_hashes(services.database, "blocked", hash_file(tmp_path, pdq_of_file(pictures[0]).bits), SKIP)
            time.sleep(0.1)  # the worker's next look at the lists is due
            later.extend(jobs_on(services.database, pictures[3:]))
        elif done == len(first) + 1:
            stop_consuming()

    run_worker(services, watch=watch)
    assert [prediction_of(services.database, job).get("hash_lists") for job in first] == [None] * 4
    assert prediction_of(services.database, later[0])["hash_lists"] == ["blocked"]


def test_without_lists_the_pipeline_asks_once(services: Services, pipeline: Pipeline, pictures: list[Path]) -> None:
    """One query of no rows for a whole batch, and predictions without a word of lists."""
    pipeline._known._check_s = 60.0
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.extend([statement] if "hash_" in statement else [])

    event.listen(services.database.engine, "before_cursor_execute", note)
    ids = jobs_on(services.database, pictures[:1])
    pipeline.run(ids)
    pipeline.run(jobs_on(services.database, pictures))
    event.remove(services.database.engine, "before_cursor_execute", note)
    assert len(asked) == 1
    assert "hash_lists" not in prediction_of(services.database, ids[0])
