"""Nobody without a key gets anything, and nobody gets what is another tenant's: every endpoint of the document."""

from collections.abc import Iterator
from typing import Any

import pytest
from api_callers import EVERYTHING, ApiCaller, problem
from fixture_types import MakeImages
from policies import document

from worker.access.keys import Scope, revoke_key, rotate_key
from worker.catalog.releases import find_release, stored_taxonomy
from worker.policies.rules.nodes import PolicyNodes
from worker.policies.versions import add_policy
from worker.process.bootstrap import Services

pytestmark = pytest.mark.usefixtures("bundle")

SHARED = {"/v1/taxonomies", "/v1/nodes", "/v1/queues"}  # lists of what all tenants have
NEEDS_QUERY = {"/v1/nodes": {"q": "shape"}, "/v1/labels": {"under": "shape"}}
ONE_ASSET = {"assets": [{"uri": "https://example.com/a.jpg"}]}


def operations(caller: ApiCaller) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of all that the document has."""
    for path, methods in caller.app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def ask(caller: ApiCaller, method: str, path: str, ids: dict[str, int], **options: Any) -> Any:
    body = {"json": ONE_ASSET} if (method, path) == ("POST", "/v1/jobs") else {}
    return caller(method, path.format(**ids), params=NEEDS_QUERY.get(path), **body, **options)


@pytest.fixture
def owned(shop: ApiCaller, services: Services, make_images: MakeImages) -> dict[str, int]:
    """What the shop has: a job that ended, its batch, its asset; a policy of its own and a second key beside."""
    accepted = shop.submit(*make_images(1)).json()
    job = accepted["jobs"][0]["job"]
    services.pipeline.run([job])
    with shop.database.write() as tx:
        release = find_release(tx, "default")
        add_policy(tx, document(), release, PolicyNodes.of(stored_taxonomy(release)), "shop", "test")
    asset = shop("GET", "/v1/labels", params={"under": "shape"}).json()["items"][0]["asset_id"]
    return {"job": job, "batch": accepted["batch"], "asset_id": asset}


def test_no_endpoint_answers_without_a_key(shop: ApiCaller, owned: dict[str, int]) -> None:
    """401 with a challenge: without a header, with another scheme, with a key that is none, revoked or rotated."""
    revoked, rotated = shop.as_someone("shop"), shop.as_someone("shop")
    revoke_key(shop.database, revoked.key.id, "test")
    rotate_key(shop.database, rotated.key.id, "test")
    near = shop.key.key[:-1] + ("A" if shop.key.key[-1] != "A" else "B")
    sent = (None, "", "Bearer", "Bearer x", f"Basic {shop.key.key}", f"Bearer {near}", f"Bearer {revoked.key.key}",
            f"Bearer {rotated.key.key}", "Bearer cladist_999_" + "a" * 43, f"Bearer {shop.key.key} x")  # fmt: skip
    for method, path, _ in operations(shop):
        for value in sent:
            headers = {} if value is None else {"Authorization": value}
            answer = shop.client.request(method, path.format(**owned), headers=headers, json=ONE_ASSET)
            assert problem(answer) == (401, "unauthenticated"), (method, path, value)
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_no_endpoint_answers_without_its_scope(shop: ApiCaller, owned: dict[str, int]) -> None:
    """403 to a key with all other scopes; the document says which one is needed."""
    for method, path, operation in operations(shop):
        ((needed,),) = (each["key"] for each in operation["security"])
        caller = shop.as_someone("shop", EVERYTHING - {Scope(needed)})
        assert problem(ask(caller, method, path, owned)) == (403, "missing_scope"), (method, path)


def test_what_is_another_tenants_is_not_there(shop: ApiCaller, owned: dict[str, int]) -> None:
    """404 by id, as of what never was; lists are empty of it, and it is left as it was."""
    stranger = shop.as_someone("stranger")
    before = shop("GET", f"/v1/jobs/{owned['job']}").json()
    for method, path, _ in operations(shop):
        if (method, path) == ("POST", "/v1/jobs") or path in SHARED:
            continue
        answer = ask(stranger, method, path, owned)
        if "{" not in path:
            items = answer.json()["items"]
            assert answer.status_code == 200
            assert [each for each in items if each.get("tenant") != "stranger"] == [], path
            assert path == "/v1/keys" or not items, path
            continue
        assert problem(answer) == (404, "not_found"), (method, path)
        assert answer.json()["detail"] == ask(stranger, method, path, dict.fromkeys(owned, 999)).json()[
            "detail"
        ].replace("999", str(owned[path.partition("{")[2].partition("}")[0]]))
    assert shop("GET", f"/v1/jobs/{owned['job']}").json() == before
    assert shop("GET", f"/v1/assets/{owned['asset_id']}").status_code == 200


def test_the_owner_gets_all_of_it(shop: ApiCaller, owned: dict[str, int]) -> None:
    """The same walk with the owner's key finds everything, so that the walks above prove something."""
    for method, path, _ in operations(shop):
        if method != "GET":
            continue
        answer = ask(shop, method, path, owned)
        assert answer.status_code == 200, (path, answer.text)
        assert "{" in path or answer.json()["items"], path


def test_a_filter_by_anothers_batch_finds_nothing(shop: ApiCaller, owned: dict[str, int]) -> None:
    stranger = shop.as_someone("stranger")
    assert stranger("GET", "/v1/jobs", params={"batch": owned["batch"]}).json() == {"items": [], "next": None}


def test_a_queue_counts_the_callers_own_jobs(shop: ApiCaller) -> None:
    shop.submit("https://example.com/a.jpg", "https://example.com/b.jpg")
    (queue,) = shop.as_someone("stranger")("GET", "/v1/queues").json()["items"]
    assert queue["waiting"] == 0
    assert shop("GET", "/v1/queues").json()["items"][0]["waiting"] == 2
