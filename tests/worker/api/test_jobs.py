"""Jobs by HTTP: submitted, listed, shown, waited for, cancelled, retried; the objects are those of the command line."""

import threading
from pathlib import Path

import pytest
from api_callers import ApiCaller, problem
from fixture_types import MakeImages
from sqlalchemy import update

from worker.api import objects
from worker.api.parts import Parts
from worker.db.engine import Database
from worker.db.tables import JobRow
from worker.jobs.queries import show_job
from worker.process.bootstrap import Services
from worker.states import Status

pytestmark = pytest.mark.usefixtures("bundle")


def test_assets_become_the_jobs_of_one_batch(shop: ApiCaller, make_images: MakeImages) -> None:
    """202 with the jobs in the order of the assets; each has its name and its metadata."""
    first, second = make_images(2)
    assets = [{"uri": first, "name": "sku-1", "metadata": {"channel": "wëb", "age": 17}}, {"uri": second}]
    done = shop("POST", "/v1/jobs", json={"assets": assets})
    assert done.status_code == 202
    accepted = objects.Accepted.model_validate(done.json())
    assert done.headers["location"] == f"/v1/batches/{accepted.batch}"
    shown = shop("GET", f"/v1/jobs/{accepted.jobs[0].job}").json()
    assert (shown["name"], shown["tenant"], shown["metadata"]) == ("sku-1", "shop", {"channel": "wëb", "age": 17})
    assert shop("GET", f"/v1/batches/{accepted.batch}").json()["counts"]["queued"] == 2


def test_a_job_that_ended_is_the_object_of_the_command_line(
    shop: ApiCaller, services: Services, database: Database, make_images: MakeImages
) -> None:
    """With its prediction; every object holds just the fields that the document names."""
    accepted = shop.submit(*make_images(2)).json()
    job = accepted["jobs"][0]["job"]
    services.pipeline.run([each["job"] for each in accepted["jobs"]])
    shown = shop("GET", f"/v1/jobs/{job}").json()
    with database.read() as tx:
        assert shown == show_job(tx, job)
    assert objects.JobWithPrediction.model_validate(shown).prediction is not None
    objects.Batch.model_validate(shop("GET", f"/v1/batches/{accepted['batch']}").json())
    objects.Page[objects.Job].model_validate(shop("GET", "/v1/jobs").json())
    assert shop("GET", f"/v1/jobs/{job}/routings").json() == {"items": []}


def test_a_thousand_assets_are_one_batch(shop: ApiCaller) -> None:
    """The most that a request may hold: the batch is whole."""
    accepted = shop.submit(*(f"https://example.com/{number}.jpg" for number in range(1000))).json()
    assert {job["batch"] for job in accepted["jobs"]} == {accepted["batch"]}
    assert shop("GET", f"/v1/batches/{accepted['batch']}").json()["counts"]["queued"] == 1000


def test_pages_hold_every_job_once(shop: ApiCaller) -> None:
    """The newest first, `next` until it is null; filters narrow it."""
    shop.submit(*(f"https://example.com/{number}.jpg" for number in range(5)))
    batch = shop.submit("https://example.com/last.jpg").json()["batch"]
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        given = {"limit": 4, **({"cursor": cursor} if cursor else {})}
        page = shop("GET", "/v1/jobs", params=given).json()
        found += [job["job"] for job in page["items"]]
        cursor = page["next"]
    assert found == sorted(found, reverse=True)
    assert len(found) == len(set(found)) == 6
    assert [job["batch"] for job in shop("GET", "/v1/jobs", params={"batch": batch}).json()["items"]] == [batch]
    assert len(shop("GET", "/v1/jobs", params={"status": "queued"}).json()["items"]) == 6
    assert shop("GET", "/v1/jobs", params={"status": "dead"}).json() == {"items": [], "next": None}


def test_a_rare_status_is_found_page_by_page(
    shop: ApiCaller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of so many jobs no more are looked at for one page; the cursor leads on over empty ones."""
    monkeypatch.setattr("worker.jobs.queries.COUNTED", 4)
    shop.submit(*(f"https://example.com/{number}.jpg" for number in range(11)))
    with database.write() as tx:
        tx.execute(update(JobRow).where(JobRow.id == 1).values(status=Status.DEAD))
    pages: list[list[int]] = []
    cursor: str | None = ""
    while cursor is not None:
        given = {"status": "dead", **({"cursor": cursor} if cursor else {})}
        page = shop("GET", "/v1/jobs", params=given).json()
        pages.append([job["job"] for job in page["items"]])
        cursor = page["next"]
    assert pages == [[], [], [1]]


def test_jobs_are_cancelled_and_retried_once(shop: ApiCaller) -> None:
    """Each answers with the job; a move that cannot be is 409, and tells why."""
    job = shop.submit("https://example.com/a.jpg").json()["jobs"][0]["job"]
    assert shop("POST", f"/v1/jobs/{job}/cancel").json()["status"] == "cancelled"
    assert problem(shop("POST", f"/v1/jobs/{job}/cancel")) == (409, "invalid_move")
    assert shop("POST", f"/v1/jobs/{job}/retry").json()["status"] == "queued"
    assert problem(shop("POST", "/v1/jobs/999/retry")) == (404, "not_found")


def test_who_prefers_to_wait_gets_the_job(shop: ApiCaller, services: Services, make_images: MakeImages) -> None:
    """200 and the prediction, if it ends in time."""
    (uri,) = make_images(1)
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.05):
            services.pipeline.run(range(1, 3))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        done = shop.submit(uri, Prefer="respond-async, wait=20")
    finally:
        stop.set()
        worker.join()
    assert (done.status_code, done.headers["preference-applied"]) == (200, "wait=20")
    assert done.json()["status"] == "succeeded"
    assert done.json()["prediction"]["decision"]["path"] is not None


def test_a_wait_ends_with_its_time_and_with_the_process(shop: ApiCaller, parts: Parts) -> None:
    """202 then, as without it; also of two assets, and when too many wait."""
    assert shop.submit("https://example.com/a.jpg", Prefer="wait=1").status_code == 202
    assert shop.submit("https://example.com/a.jpg", "https://example.com/b.jpg", Prefer="wait=30").status_code == 202
    while parts.waiters.acquire(blocking=False):
        pass
    assert shop.submit("https://example.com/c.jpg", Prefer="wait=30").status_code == 202
    parts.waiters.release()
    parts.stopping.set()
    assert shop.submit("https://example.com/d.jpg", Prefer="wait=30").status_code == 202
    assert problem_of_ready(shop) == ["stopping"]


def problem_of_ready(caller: ApiCaller) -> object:
    answer = caller.client.get("/ready")
    assert answer.status_code == 503
    return answer.json()["reasons"]


def test_a_key_of_an_asset_gives_back_its_job(shop: ApiCaller) -> None:
    """Of its own tenant: another one has the same key for itself."""
    body = {"assets": [{"uri": "https://example.com/a.jpg", "key": "k"}]}
    first, again = (shop("POST", "/v1/jobs", json=body).json() for _ in range(2))
    assert first["jobs"] == again["jobs"]
    other = shop.as_someone("stranger")("POST", "/v1/jobs", json=body)
    assert other.status_code == 202
    assert other.json()["jobs"] != first["jobs"]
    moved = {"assets": [{"uri": "https://example.com/b.jpg", "key": "k"}]}
    assert problem(shop("POST", "/v1/jobs", json=moved)) == (422, "refused")


@pytest.mark.parametrize(
    ("asset", "words"),
    [
        ({"uri": "a.jpg"}, "not an absolute address"),
        ({"uri": "https://user:pw@h/a.jpg"}, "credentials"),
        ({"uri": "https://h/a.jpg", "key": " "}, "blank"),
        ({"uri": "https://h/a.jpg", "name": "é" * 1025}, "more than"),
        ({"uri": "file://other/a.jpg"}, "files of this machine"),
    ],
)
def test_what_cannot_be_an_asset_is_refused_with_its_place(shop: ApiCaller, asset: object, words: str) -> None:
    """And nothing of the batch is submitted."""
    answer = shop("POST", "/v1/jobs", json={"assets": [{"uri": "https://h/0.jpg"}, asset]})
    assert problem(answer) == (422, "refused")
    assert answer.json()["detail"].startswith("assets.1: ")
    assert words in answer.json()["detail"]
    assert shop("GET", "/v1/jobs").json()["items"] == []


def test_files_may_not_be_named_without_roots(parts: Parts, shop: ApiCaller, tmp_path: Path) -> None:
    """A key does not open the disks of the workers."""
    open_parts = Parts(parts.settings.model_copy(update={"asset_roots": ()}), parts.database)
    shop.app.state.parts = open_parts
    answer = shop.submit((tmp_path / "a.png").as_uri())
    assert problem(answer) == (422, "refused")
    assert "CLADIST_ASSET_ROOTS" in answer.json()["detail"]


def test_an_unknown_queue_is_refused(shop: ApiCaller) -> None:
    body = {"assets": [{"uri": "https://h/a.jpg"}], "queue": "nowhere"}
    assert problem(shop("POST", "/v1/jobs", json=body)) == (422, "refused")
