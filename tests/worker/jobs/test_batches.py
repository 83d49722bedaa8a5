"""Batches: counted, cancelled, tried again and waited for together."""

import pytest
from fixture_types import MakeImages, Submitted
from job_rows import all_jobs, statuses

from worker.db.engine import Database
from worker.errors import LookupFailedError
from worker.jobs.batches import cancel_batch, failed_jobs, list_batches, show_batch, wait_for_batch
from worker.jobs.queries import list_jobs
from worker.jobs.requests import retry_failed
from worker.process.bootstrap import Services
from worker.states import Code


def test_a_submission_is_a_batch(services: Services, submitted: Submitted, make_images: MakeImages) -> None:
    """Its counts are of its jobs alone; a failed one is named, and tried again by its code."""
    database = services.database
    ids = submitted([*make_images(2), "file:///none.png"])
    others = submitted(["file:///other.png"])
    with database.read() as tx:
        assert [(batch["batch"], batch["jobs"], batch["open"]) for batch in list_batches(tx)] == [
            (2, 1, True),
            (1, 3, True),
        ]
        assert [job["job"] for job in list_jobs(tx, batch=1)] == ids[::-1]
    services.pipeline.run([*ids, *others])
    assert wait_for_batch(database, 1, 0, 0)
    with database.read() as tx:
        shown = show_batch(tx, 1)
        assert (shown["counts"]["succeeded"], shown["counts"]["failed"], shown["open"]) == (2, 1, False)
        assert shown["left_s"] == 0
        assert shown["rate_per_s"] > 0
        assert failed_jobs(tx, 1, 10) == [ids[2]]
    assert list(retry_failed(database, Code.ASSET_NOT_FOUND, 1)) == [[ids[2]]]
    assert not wait_for_batch(database, 1, 0, 0)
    assert list(retry_failed(database, Code.ASSET_NOT_FOUND)) == [others]


@pytest.mark.usefixtures("bundle")
def test_a_batch_is_cancelled_whole(database: Database, submitted: Submitted) -> None:
    """Nothing of it is published any more; other batches go on."""
    submitted(["file:///a", "file:///b"])
    submitted(["file:///c"])
    assert list(cancel_batch(database, 1)) == [2]
    assert statuses(database) == {"cancelled": 2, "queued": 1}
    assert [job.status for job in all_jobs(database)] == ["cancelled", "cancelled", "queued"]
    with pytest.raises(LookupFailedError, match="no batch has the id 9"):
        list(cancel_batch(database, 9))
