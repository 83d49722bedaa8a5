"""Submitting jobs."""

from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from random import Random
from threading import Barrier

import pytest
from fixture_types import Submitted as SubmittedUris
from sqlalchemy import func, select

from worker.db.engine import Database
from worker.db.tables import AssetRow, JobRow, OutboxRow
from worker.dispatch.queues import DEFAULT_DESTINATION
from worker.errors import LookupFailedError, SubmissionError
from worker.jobs.addresses import asset_uri, checked_key
from worker.jobs.queries import show_job
from worker.jobs.submission import Request, _add_jobs, submit


def _count(database: Database, table: type) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.usefixtures("bundle")
def test_job_and_outbox_row_are_one(database: Database, submitted: SubmittedUris) -> None:
    """Every job has its outbox row; one asset submitted twice has two jobs."""
    ids = submitted(["file:///a.png", "file:///b.png", "file:///a.png"])
    assert len(set(ids)) == 3
    assert (_count(database, AssetRow), _count(database, JobRow), _count(database, OutboxRow)) == (2, 3, 3)


@pytest.mark.usefixtures("bundle")
def test_a_key_gives_back_the_same_job(database: Database) -> None:
    """Within one submission and across two, and keys do not disturb their neighbours."""
    keyed, other_keyed = Request("file:///a", "k1"), Request("file:///c", "k2")
    ((first, other, again, third),) = submit(database, [keyed, Request("file:///b"), keyed, other_keyed])
    assert first == again
    assert len({first, other, third}) == 3
    assert list(submit(database, [other_keyed, keyed])) == [[third, first]]
    assert _count(database, JobRow) == 3


@pytest.mark.usefixtures("bundle")
def test_a_key_that_two_use_at_once_gives_both_the_same_job(database: Database) -> None:
    """Whoever comes second is told the job of the first, in the middle of whose transaction he came."""
    request = Request("file:///a", "k")
    with ThreadPoolExecutor(1) as pool:
        with database.write() as session:
            ((first,), _) = _add_jobs(session, [request], DEFAULT_DESTINATION)
            second = pool.submit(lambda: list(submit(database, [request])))
            wait([second], timeout=0.5)
        assert second.result() == [[first.job]]
    assert _count(database, JobRow) == 1


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("together", [True, False])
def test_a_key_of_another_asset_is_refused(database: Database, together: bool) -> None:
    """The message names key and asset, and nothing of the chunk is kept."""
    first, second = Request("file:///a", "key-1"), Request("file:///b", "key-1")
    requests = [first, second]
    if not together:
        list(submit(database, [first]))
        requests = [second]
    before = _count(database, JobRow)
    with pytest.raises(SubmissionError, match="'key-1' was used for another asset than file:///b"):
        list(submit(database, requests))
    assert _count(database, JobRow) == before


@pytest.mark.usefixtures("bundle")
def test_many_jobs_are_submitted_in_chunks(database: Database) -> None:
    """2,500 requests come back as 2,500 ids, in order, a thousand at a time."""
    chunks = list(submit(database, (Request(f"file:///{number}.png") for number in range(2500))))
    assert [len(chunk) for chunk in chunks] == [1000, 1000, 500]
    ids = [job_id for chunk in chunks for job_id in chunk]
    with database.read() as session:
        rows = session.execute(select(JobRow.id, AssetRow.uri).join(AssetRow, AssetRow.id == JobRow.asset_id))
        uris = {job_id: uri for job_id, uri in rows}  # noqa: C416 (rows are not pairs to dict())
    assert [uris[job_id] for job_id in ids] == [f"file:///{number}.png" for number in range(2500)]


@pytest.mark.usefixtures("bundle")
def test_the_same_keys_in_other_orders_at_once(database: Database) -> None:
    """Nobody is refused and nothing is there twice: every key has one job, which all of them are told."""
    requests = [Request(f"file:///{number}.png", f"key-{number}") for number in range(300)]
    orders = [Random(number).sample(requests, len(requests)) for number in range(4)]
    ready = Barrier(len(orders))

    def submit_all(ordered: list[Request]) -> dict[str | None, int]:
        ready.wait()
        ids = [job_id for chunk in submit(database, ordered) for job_id in chunk]
        return {request.key: job_id for request, job_id in zip(ordered, ids, strict=True)}

    with ThreadPoolExecutor(len(orders)) as threads:
        found = list(threads.map(submit_all, orders))
    assert found == [found[0]] * len(orders)
    assert _count(database, JobRow) == len(requests)


def test_without_a_bundle_nothing_is_submitted(database: Database) -> None:
    """The message says what to run."""
    with pytest.raises(LookupFailedError, match="cladist bundle add"):
        list(submit(database, [Request("file:///a")]))


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("a b.png", "file:///base/a%20b.png"),
        ("/x/y.png", "file:///x/y.png"),
        ("file:///x/y.png", "file:///x/y.png"),
        ("file://localhost/x.png", "file:///x.png"),
        ("a?b#c", "file:///base/a%3Fb%23c"),
        ("caf\udce9.png", "file:///base/caf%E9.png"),
    ],
)
def test_addresses_become_file_uris(address: str, uri: str) -> None:
    """A path is relative to the base; a file URI stays."""
    assert asset_uri(address, Path("/base")) == uri


@pytest.mark.parametrize("address", ["http://x/y.png?a=b", "s3://b/k", "memory://b/k", "dam+v2://x"])
def test_addresses_of_other_schemes_stay(address: str) -> None:
    """Whether a worker may fetch them is the worker's to say."""
    assert asset_uri(address, Path("/base")) == address


@pytest.mark.parametrize(
    "address",
    ["", " ", "file:/a", "data:image/png;base64,x", "http:/x", "file:///a?b", "file:///a#b", "http://x/\ud800",
     "file://host/x", "a\0b", "x" * 5000, "http://[::1", "://x", "a b://x", "http://x/a b", "http://x/\n",
     "http://me:secret@x/a", "https://secret@x/a", f"https://{'secret' * 50}@x/a"],
)  # fmt: skip
def test_other_addresses_are_refused(address: str) -> None:
    """What is no address, or would store a secret, is refused when it is submitted, and not repeated."""
    with pytest.raises(SubmissionError) as caught:
        asset_uri(address, Path("/base"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["", " ", "a\0b", "k" * 2049, "\udcff"])
def test_keys_and_names_that_a_database_would_refuse(key: str) -> None:
    """On every database alike, before any of them is asked."""
    with pytest.raises(SubmissionError, match="the key"):
        checked_key(key)


@pytest.mark.usefixtures("bundle")
def test_a_known_name_with_another_address_is_the_same_asset(database: Database) -> None:
    """Its URI is the newest one; another tenant's asset of that name is another."""
    signed = [Request(f"http://x/a?sig={number}", name="sku-1") for number in (1, 2, 3)]
    list(submit(database, signed[:1]))
    list(submit(database, [*signed[1:], Request("http://x/b", name="sku-1", tenant="shop")]))
    with database.read() as session:
        found = session.execute(select(AssetRow.tenant_id, AssetRow.name, AssetRow.uri).order_by(AssetRow.id)).all()
    assert [tuple(row) for row in found] == [(1, "sku-1", "http://x/a?sig=3"), (2, "sku-1", "http://x/b")]


@pytest.mark.usefixtures("bundle")
def test_metadata_are_kept_with_the_job(database: Database) -> None:
    """As JSON, and shown with it."""
    ((job, other),) = submit(database, [Request("file:///a", metadata={"age": "17"}), Request("file:///b")])
    with database.read() as session:
        assert show_job(session, job)["metadata"] == {"age": "17"}
        assert show_job(session, other)["metadata"] is None
