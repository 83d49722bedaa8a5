"""Replays over stored predictions, and shadows beside what acts."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from fixture_types import MakeBundle, MakeImages

from classifier.bundles.bundle import Bundle
from worker.catalog.serving import find_bundle
from worker.db.engine import Database
from worker.db.tables import JobRow, LabelRow
from worker.dispatch.queues import list_queues
from worker.errors import InvalidMoveError
from worker.jobs.queries import list_jobs
from worker.jobs.shadows import set_shadow_bundle
from worker.jobs.submission import Request, submit
from worker.models.registration import add_bundle
from worker.policies.comparison import compare_bundle, compare_policy
from worker.policies.explanation import explain_job
from worker.policies.replay import Question, Replay, replay
from worker.policies.replay_report import replay_dict, replay_page
from worker.policies.routings import list_routings
from worker.policies.versions import find_policy, set_shadow
from worker.process.bootstrap import Services
from worker.process.service import run_worker

Keep = Callable[..., str]
YOUNG = "when: age < {}, then: {{action: review, queue: kids}}"
REST = "if: {}, then: {action: accept, collection: rest}"


def run_jobs(services: Services, uris: list[str]) -> list[int]:
    """Submit with ages 0, 10, 20, ..., and run all there is."""
    requests = [Request(uri, metadata={"age": 10 * place}) for place, uri in enumerate(uris)]
    ids = [job for chunk in submit(services.database, requests) for job in chunk]
    run_worker(services, drain=True)
    return ids


def replayed(database: Database, before: str, after: str, processes: int = 1, **wanted: object) -> Replay:
    with database.read() as tx:
        question = Question(find_policy(tx, before).id, find_policy(tx, after).id, **wanted)  # type: ignore[arg-type]
    return replay(database, question, lambda _done, _all: None, processes)


def test_a_replay_says_every_routing_that_would_flip(services: Services, keep: Keep, make_images: MakeImages) -> None:
    """What it says is what happens when the other version is activated."""
    keep(YOUNG.format(15), REST)
    keep(YOUNG.format(35), REST, active=False)
    uris = make_images(6)
    ids = run_jobs(services, uris)
    found = replayed(services.database, "p@1", "p@2")
    said = replay_dict(found)
    assert (said["jobs"], said["flips"]) == (6, 2)
    assert said["by_queue"] == [
        {"before": "accept", "after": "accept", "jobs": 2},
        {"before": "accept", "after": "kids", "jobs": 2},
        {"before": "kids", "after": "kids", "jobs": 2},
    ]
    assert said["by_rule"][1] == {"before": "r1", "after": "r0", "jobs": 2}
    assert said["reviews_per_day"] == {"before": 2.0, "after": 4.0}
    assert sorted(flip["job"] for flip in said["sample"]) == ids[2:4]
    for job in ids:
        ((mine,), (its,)) = (explain_job(services.database, job, each, None) for each in ("p@1", "p@2"))
        assert (mine["queue"] != its["queue"]) is (job in ids[2:4])
    page = replay_page(found, "p@1", "p@2")
    assert page.count("<path ") == 3
    assert "<script" not in page
    json.dumps(said)


def test_a_replay_is_the_same_on_one_core_and_on_two(services: Services, keep: Keep, make_images: MakeImages) -> None:
    keep(YOUNG.format(15), REST)
    keep(YOUNG.format(35), REST, active=False)
    run_jobs(services, make_images(6))
    one, two = (replay_dict(replayed(services.database, "p@1", "p@2", processes)) for processes in (1, 2))
    assert one == two


def test_a_replay_can_be_narrowed(services: Services, keep: Keep, make_images: MakeImages) -> None:
    keep(YOUNG.format(15), REST)
    keep(YOUNG.format(35), REST, active=False)
    run_jobs(services, make_images(6))
    database = services.database
    assert replay_dict(replayed(database, "p@1", "p@2", queue="kids"))["jobs"] == 4
    assert replay_dict(replayed(database, "p@1", "p@2", queue="nobody"))["jobs"] == 0
    assert len(replay_dict(replayed(database, "p@1", "p@2", sample=1))["sample"]) == 1
    with database.read() as tx:
        later = tx.now() + timedelta(hours=1)
    assert replay_dict(replayed(database, "p@1", "p@2", since=later))["jobs"] == 0


def test_a_page_without_jobs_is_a_page() -> None:
    assert "No stored prediction" in replay_page(Replay(), "a@1", "a@2")


def test_a_page_shows_names_as_text() -> None:
    found = Replay(jobs=1)
    found.places["<script>alert(1)</script>", "b"] = 1
    assert "<script>" not in replay_page(found, "<b>a</b>", "a@2")


def test_a_shadow_policy_is_compared_on_the_same_jobs(services: Services, keep: Keep, make_images: MakeImages) -> None:
    keep(YOUNG.format(15), REST)
    keep(YOUNG.format(35), REST, active=False)
    with services.database.write() as tx:
        set_shadow(tx, find_policy(tx, "p@2"), "tester", on=True)
    run_jobs(services, make_images(6))
    with services.database.read() as tx:
        found = compare_policy(tx, find_policy(tx, "p@2"))
    assert (found["jobs"], found["flips"], found["agree"]) == (6, 2, pytest.approx(4 / 6))
    assert {"before": "r1", "after": "r0", "jobs": 2} in found["by_rule"]


def test_a_shadow_bundle_answers_apart_and_acts_on_nothing(
    services: Services, keep: Keep, make_images: MakeImages, make_bundle: MakeBundle, tmp_path: Path
) -> None:
    keep("if: {level: 1, under: Shape, min_confidence: 0.0001}, then: {action: accept}")
    database = services.database
    other = add_bundle(database, make_bundle(tmp_path / "other", seed=5).folder, activate=False)
    with database.write() as tx:
        shadow = set_shadow_bundle(tx, other.model, "tester", on=True).id
    ids = run_jobs(services, make_images(5))
    with database.read() as tx:
        assert sorted(job["job"] for job in list_jobs(tx)) == ids
        jobs = [row for row in tx.query(JobRow) if row.shadow]
        assert {(row.bundle_id, str(row.status)) for row in jobs} == {(shadow, "succeeded")}
        assert len(jobs) == 5
        assert not [row for row in tx.query(LabelRow) if row.bundle_id == shadow]
        assert len(list_routings(tx)) == len(list_routings(tx, shadow=True)) == 5
        found = compare_bundle(tx, find_bundle(tx, other.model))
        assert found["jobs"] == sum(found["decisions"].values()) == 5
        assert [each["level"] for each in found["by_level"]][:2] == [1, 2]
        assert sum(each["jobs"] for each in found["routings"]) == 5
        assert [queue["queue"] for queue in list_queues(tx)][-1] == "shadow"
    with database.write() as tx:
        set_shadow_bundle(tx, other.model, "tester", on=False)
    more = run_jobs(services, make_images(5)[:1])
    with database.read() as tx:
        assert len([row for row in tx.query(JobRow) if row.shadow]) == 5
        assert more[0] in [job["job"] for job in list_jobs(tx)]


def test_a_bundle_is_no_shadow_of_itself(database: Database, bundle: Bundle) -> None:
    with database.write() as tx, pytest.raises(InvalidMoveError, match="cannot be its own shadow"):
        set_shadow_bundle(tx, bundle.model, "tester", on=True)
