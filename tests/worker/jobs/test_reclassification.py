"""Assets are chosen by what is wrong with their labels, counted, and submitted again just once."""

from pathlib import Path
from typing import Any

import pytest
from fixture_types import MakeBundle, MakeImages, Submitted
from sqlalchemy import insert, update

from classifier.bundles.bundle import Bundle
from taxonomy import Node, Taxonomy
from taxonomy.changes.mapping import NO_MAPPING
from worker.audit.activations import activate_release, add_release
from worker.catalog.releases import find_release
from worker.db.engine import Database
from worker.db.tables import AssetRow, DecisionRow, JobRow, LabelRow, ReviewRow
from worker.errors import LookupFailedError
from worker.jobs import reclassification
from worker.jobs.reclassification import Choice, count_chosen, reclassify
from worker.labels.relabelling.apply import apply_relabelling
from worker.models.registration import add_bundle
from worker.process.bootstrap import Services
from worker.states import Status


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller than the data, so that keysets are walked."""
    monkeypatch.setattr(reclassification, "CHUNK", 2)


@pytest.fixture
def labelled(services: Services, submitted: Submitted, make_images: MakeImages) -> list[str]:
    """Five assets labelled by the active bundle; returns their URIs."""
    uris = make_images(5)
    services.pipeline.run(submitted(uris))
    return uris


def counted(database: Database, **choice: Any) -> dict[str, int]:
    with database.read() as session:
        return count_chosen(session, Choice(**choice))


def submitted_again(database: Database, **choice: Any) -> int:
    return sum(len(ids) for ids in reclassify(database, Choice(**choice)))


def test_another_bundle_makes_labels_stale(
    services: Services, labelled: list[str], make_bundle: MakeBundle, tmp_path: Path
) -> None:
    """Until the work is done, and once it is submitted it is not submitted again."""
    database = services.database
    assert counted(database, stale=True) == {"stale": 0, "total": 0}
    add_bundle(database, make_bundle(tmp_path / "second", seed=1).folder)
    assert counted(database, stale=True) == {"stale": 5, "total": 5}
    assert submitted_again(database, stale=True) == 5
    assert submitted_again(database, stale=True) == 0
    with database.read() as session:
        jobs = [job_id for (job_id,) in session.query(JobRow.id).where(JobRow.status == "queued")]
    services.pipeline.run(jobs)
    assert counted(database, stale=True) == {"stale": 0, "total": 0}
    assert len(labelled) == 5


def test_failed_and_unlabelled_join(services: Services, labelled: list[str], submitted: Submitted) -> None:
    """An asset whose newest job failed, one that was never run; each counted by its reason, once in total."""
    database = services.database
    failed = submitted(["file:///nowhere.png"])
    services.pipeline.run(failed)
    with database.write() as session:
        session.execute(insert(AssetRow), [{"uri": "file:///never.png"}])
    assert counted(database, failed=True, unlabelled=True) == {"failed": 1, "unlabelled": 2, "total": 2}
    assert submitted_again(database, failed=True) == 1
    assert counted(database, failed=True) == {"failed": 0, "total": 0}, "its newest job is open"
    assert submitted_again(database, unlabelled=True) == 1
    assert labelled


def test_a_dead_job_counts_as_failed(services: Services, labelled: list[str]) -> None:
    with services.database.write() as session:
        session.execute(update(JobRow).where(JobRow.id == 1).values(status=Status.DEAD.value))
    assert counted(services.database, failed=True)["total"] == 1
    assert labelled


def test_under_and_model_narrow(services: Services, labelled: list[str], bundle: Bundle) -> None:
    """By node, by model version, together, and alone."""
    database = services.database
    under = counted(database, under="shape")["total"]
    other = counted(database, under="colour")["total"]
    assert under + other >= 5
    assert counted(database, model=bundle.model) == {"total": 5}
    assert counted(database, model=bundle.model, under="shape")["total"] == under
    assert counted(database, unlabelled=True, under="shape") == {"unlabelled": 0, "total": 0}
    assert sum(map(len, reclassify(database, Choice(model=bundle.model), limit=3))) == 3
    assert len(labelled) == 5


def test_an_unknown_node_or_model_is_refused(services: Services) -> None:
    for choice, message in (({"under": "Nowhere"}, "no node has"), ({"model": "x@1"}, "no bundle is known as 'x@1'")):
        with pytest.raises(LookupFailedError, match=message):
            counted(services.database, **choice)
    assert Choice().is_empty


def test_an_asset_that_lost_its_node_is_stale(services: Services, labelled: list[str], tiny_taxonomy: Taxonomy) -> None:
    """Labels moved to a release without the leaves: those that were listed for review are to be classified again."""
    database = services.database
    kept = Taxonomy(node for node in tiny_taxonomy if node.id in {"shape", "colour", "round", "square"})
    with database.write() as session:
        old, new = find_release(session, "default").id, add_release(session, kept).id
    outcome = apply_relabelling(database, old, new, NO_MAPPING, on_progress=lambda _done: None)
    with database.read() as session:
        listed = {asset for (asset,) in session.query(ReviewRow.asset_id)}
    assert outcome.reviews > 0
    assert counted(database, stale=True)["stale"] == len(listed)
    assert labelled


def test_a_bundle_answers_in_the_active_release(
    services: Services, submitted: Submitted, make_images: MakeImages, tiny_taxonomy: Taxonomy
) -> None:
    """An old bundle and a new release: labels are rows of the new one, coherent, at nodes that it has."""
    database = services.database
    renamed = Taxonomy(
        Node(n.id, f"new {n.name}", n.parents, assignable=n.assignable) for n in tiny_taxonomy if n.id != "ring"
    )
    with database.write() as session:
        row = add_release(session, renamed)
        activate_release(session, row)
        number, content = row.id, row.release
    jobs = submitted(make_images(4))
    services.pipeline.run(jobs)
    with database.read() as session:
        rows = session.query(LabelRow).all()
        assert {row.release_id for row in rows} == {number}
        assert {row.node_id for row in rows} <= {node.id for node in renamed}
        predictions = [decision.prediction for decision in session.query(DecisionRow)]
    assert {prediction["release"] for prediction in predictions} == {content}
    assert all(label["name"].startswith("new ") for prediction in predictions for label in prediction["levels"])
