"""Assets: shown, listed, deleted, and known again by their content."""

from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fixture_types import MakeImages
from job_rows import all_jobs
from sqlalchemy import func, select

from worker.assets.deletion import delete_asset
from worker.assets.queries import list_assets, show_asset
from worker.db.engine import Database
from worker.db.tables import AssetRow, DecisionRow, DeletionRow, JobRow, LabelRow, OutboxRow
from worker.errors import LookupFailedError
from worker.fetch.fetcher import Fetcher
from worker.jobs.claims import claim_jobs
from worker.jobs.submission import Request, submit
from worker.pipeline.in_flight import Item
from worker.pipeline.stages import decode_content, fetch_content, predict_items, store_items
from worker.policies.router import Router
from worker.process.bootstrap import Services, bootstrap
from worker.settings import Settings


def run(services: Services, *requests: Request) -> list[int]:
    (ids,) = submit(services.database, requests)
    services.pipeline.run(ids)
    return ids


def count(database: Database, table: type) -> int:
    with database.read() as tx:
        return tx.scalar(select(func.count()).select_from(table)) or 0


def test_an_asset_is_shown_with_what_is_known_of_it(services: Services, make_images: MakeImages) -> None:
    """Labels, prediction, hashes and jobs; when its newest job fails that is said, and the labels stay."""
    (uri,) = make_images(1)
    (first,) = run(services, Request(uri, name="sku-1"))
    with services.database.read() as tx:
        before = show_asset(tx, "default", "sku-1")
    assert before["content_sha256"] == sha256(Path(urlsplit(uri).path).read_bytes()).hexdigest()
    assert len(before["pdq"]) == 64
    assert not before["newest_failed"]
    assert before["labels"]
    (second,) = run(services, Request("file:///gone.png", name="sku-1"))
    with services.database.read() as tx:
        shown = show_asset(tx, "default", "sku-1")
    assert [job["job"] for job in shown["jobs"]] == [second, first]
    assert shown["newest_failed"]
    assert (shown["labels"], shown["prediction"]) == (before["labels"], before["prediction"])


@pytest.mark.usefixtures("bundle")
def test_assets_are_listed_by_name_page_by_page(database: Database) -> None:
    """Of one tenant only."""
    requests = [Request(f"file:///{name}", name=name) for name in "cab"]
    list(submit(database, [*requests, Request("file:///d", name="d", tenant="shop")]))
    with database.read() as tx:
        assert [asset["name"] for asset in list_assets(tx, "default", limit=2)] == ["a", "b"]
        assert [asset["name"] for asset in list_assets(tx, "default", after="b")] == ["c"]
        assert [asset["name"] for asset in list_assets(tx, "shop")] == ["d"]
        with pytest.raises(LookupFailedError, match="no tenant is named 'none'"):
            list_assets(tx, "none")


def test_deleting_leaves_nothing_but_the_record(services: Services, make_images: MakeImages) -> None:
    """Labels, decisions, jobs, outbox rows and the asset go; another asset keeps all of its own."""
    database = services.database
    first, second = make_images(2)
    run(services, Request(first, name="one"), Request(second, name="two"))
    list(submit(database, [Request(first, name="one")]))
    labels = count(database, LabelRow)
    assert delete_asset(database, "default", "one", "me") == 2
    assert (count(database, AssetRow), count(database, JobRow), count(database, DecisionRow)) == (1, 1, 1)
    assert count(database, OutboxRow) <= 1
    assert 0 < count(database, LabelRow) < labels
    with database.read() as tx:
        record = tx.scalars(select(DeletionRow)).one()
        assert (record.name_sha256, record.deleted_by) == (sha256(b"one").hexdigest(), "me")
        assert (record.tenant_id, record.job_count) == (1, 2)
    with pytest.raises(LookupFailedError, match="no asset of tenant 'default' is named 'one'"):
        delete_asset(database, "default", "one", "me")


def test_a_running_job_of_a_deleted_asset_stores_nothing(services: Services, make_images: MakeImages) -> None:
    """Its claim holds no more, not even when the next job is submitted and claimed: ids are not used twice."""
    database, settings = services.database, Settings(database_url="sqlite://")
    (uri,) = make_images(1)
    ((job,),) = submit(database, [Request(uri, name="one")])
    (claim,) = claim_jobs(database, [job], "w", 60)
    item = Item(claim, predictor=services.pipeline._predictors.get(claim.bundle_id))
    fetch_content(item, Fetcher(settings))
    decode_content(item)
    predict_items([item])
    delete_asset(database, "default", "one", "me")
    ((again,),) = submit(database, [Request(uri, name="one")])
    assert again > job
    claim_jobs(database, [again], "other", 60)
    store_items([item], database, settings, Router(database))
    assert (count(database, LabelRow), count(database, DecisionRow)) == (0, 0)
    assert [row.status for row in all_jobs(database)] == ["running"]


@pytest.mark.parametrize("reuse", ["content", "off"])
@pytest.mark.usefixtures("bundle")
def test_the_same_content_needs_no_second_pass(
    settings: Settings, make_images: MakeImages, tmp_path: Path, reuse: str
) -> None:
    """Another asset of the same bytes gets a decision of its own, marked; other bytes go to the model."""
    services = bootstrap(settings.model_copy(update={"reuse": reuse}))
    same, other = make_images(2)
    copy = tmp_path / "copy.png"
    copy.write_bytes(Path(urlsplit(same).path).read_bytes())
    run(services, Request(same, name="one"))
    run(services, Request(copy.as_uri(), name="two"), Request(other, name="three"))
    with services.database.read() as tx:
        one, two, three = (show_asset(tx, "default", name) for name in ("one", "two", "three"))
    services.close()
    assert two["prediction"].get("reused", False) is (reuse == "content")
    assert "reused" not in one["prediction"]
    assert "reused" not in three["prediction"]
    assert two["prediction"]["asset"] == copy.as_uri()
    assert two["prediction"]["decision"] == one["prediction"]["decision"]
    assert two["labels"] == one["labels"]
    assert (two["pdq"], two["content_sha256"]) == (one["pdq"], one["content_sha256"])
