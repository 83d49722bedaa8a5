"""What can be asked for, and how it is answered: labels, assets, the catalog; ETags, gzip, monitors."""

import pytest
from api_callers import ApiCaller, problem
from fixture_types import MakeImages
from sqlalchemy import select

from worker.api import objects
from worker.audit.records import DeletionRecord, read_record
from worker.db.engine import Database
from worker.db.tables import AssetRow, AuditRecordRow
from worker.dispatch.queues import Destination
from worker.jobs.submission import Request, submit
from worker.process.bootstrap import Services

pytestmark = pytest.mark.usefixtures("bundle")


@pytest.fixture
def labelled(shop: ApiCaller, services: Services, make_images: MakeImages) -> list[str]:
    """Five assets of the shop, and one of somebody else, all labelled."""
    uris = make_images(6)
    mine = shop.submit(*uris[:5]).json()["jobs"]
    other = shop.as_someone("stranger").submit(uris[5]).json()["jobs"]
    services.pipeline.run([each["job"] for each in [*mine, *other]])
    return uris[:5]


def pages_of_labels(caller: ApiCaller, **params: object) -> list[list[str]]:
    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        given = {"under": "shape", **params, **({"cursor": cursor} if cursor else {})}
        answer = caller("GET", "/v1/labels", params=given)
        page = objects.Page[objects.Label].model_validate(answer.json())
        pages.append([label.asset for label in page.items])
        cursor = page.next
    return pages


def test_labels_under_a_node_come_in_pages(shop: ApiCaller, labelled: list[str]) -> None:
    """All of the tenant's own, each once, the most confident first."""
    pages = pages_of_labels(shop, limit=2)
    found = [uri for page in pages for uri in page]
    assert sorted(found) == sorted(labelled)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert pages_of_labels(shop, under="red-disc", min_confidence=1) == [[]]
    assert problem(shop("GET", "/v1/labels", params={"under": "no such node"})) == (404, "not_found")


def test_labels_of_others_are_passed_over_in_bounded_steps(
    shop: ApiCaller, labelled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page may be short where others have labels too; none is lost, and none comes twice."""
    monkeypatch.setattr("worker.labels.storage.COUNTED", 2)
    assert sorted(uri for page in pages_of_labels(shop) for uri in page) == sorted(labelled)
    assert len(pages_of_labels(shop.as_someone("nobody"))) == 4


def test_an_asset_is_shown_and_deleted(shop: ApiCaller, labelled: list[str], database: Database) -> None:
    """With all that is known of it; the audit names the key that deleted it."""
    del labelled
    asset = shop("GET", "/v1/labels", params={"under": "shape"}).json()["items"][0]
    shown = objects.AssetRecord.model_validate(shop("GET", f"/v1/assets/{asset['asset_id']}").json())
    assert shown.labels
    assert shown.jobs[0].status == "succeeded"
    deleted = shop("DELETE", f"/v1/assets/{asset['asset_id']}").json()
    assert deleted == {"deleted": asset["name"], "jobs": 1}
    assert problem(shop("GET", f"/v1/assets/{asset['asset_id']}")) == (404, "not_found")
    with database.read() as tx:
        row = tx.scalars(select(AuditRecordRow).where(AuditRecordRow.kind == "deletion")).one()
    record = read_record(row.kind, row.content)
    assert isinstance(record, DeletionRecord)
    assert record.by == f"key {shop.key.id}"


def test_an_asset_goes_with_the_jobs_that_others_made_of_it(shop: ApiCaller, database: Database) -> None:
    """`cladist reclassify --tenant` submits known assets for somebody else."""
    shop.submit("https://example.com/a.jpg")
    with database.read() as tx:
        asset = tx.scalars(select(AssetRow.id)).one()
    list(submit(database, [Request("https://example.com/a.jpg", asset=asset)], Destination(tenant="other")))
    assert shop("DELETE", f"/v1/assets/{asset}").json()["jobs"] == 2


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/taxonomies", objects.All[objects.Release]),
        ("/v1/nodes?q=Red%20disc", objects.All[objects.Node]),
        ("/v1/policies", objects.All[objects.Policy]),
        ("/v1/queues", objects.All[objects.Queue]),
        ("/v1/keys", objects.All[objects.Key]),
    ],
)
def test_lists_hold_what_the_document_says(shop: ApiCaller, path: str, model: type[objects.All[object]]) -> None:
    found = model.model_validate(shop("GET", path).json())
    assert found.items or path == "/v1/policies"


def test_what_is_known_already_is_not_sent_again(shop: ApiCaller) -> None:
    """304 without a body, as long as nothing has changed."""
    job = shop.submit("https://example.com/a.jpg").json()["jobs"][0]["job"]
    etag = shop("GET", f"/v1/jobs/{job}").headers["etag"]
    again = shop("GET", f"/v1/jobs/{job}", headers={"If-None-Match": f'"other", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    shop("POST", f"/v1/jobs/{job}/cancel")
    assert shop("GET", f"/v1/jobs/{job}", headers={"If-None-Match": etag}).status_code == 200


def test_long_answers_are_packed(shop: ApiCaller) -> None:
    shop.submit(*(f"https://example.com/{number}.jpg" for number in range(20)))
    answer = shop("GET", "/v1/jobs", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["items"]) == 20


def test_monitors_need_no_key_and_learn_nothing_of_tenants(shop: ApiCaller) -> None:
    shop("GET", "/v1/jobs/77")
    assert shop.client.get("/live").json() == {"ok": True, "reasons": []}
    assert shop.client.get("/ready").json() == {"ok": True, "reasons": []}
    said = shop.client.get("/metrics").text
    assert 'cladist_api_requests_total{method="GET",route="/v1/jobs/{job}",status="404"}' in said
    assert "shop" not in said
    assert "/77" not in said


def test_the_id_of_a_request_is_the_clients_if_it_may_stand_in_a_log(shop: ApiCaller) -> None:
    assert shop("GET", "/v1/queues", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    odd = shop("GET", "/v1/queues", headers={"X-Request-Id": "a b\tc"}).headers["x-request-id"]
    assert len(odd) == 32
