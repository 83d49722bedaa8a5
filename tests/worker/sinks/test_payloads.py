"""What is told: the objects of the command line, as their rows are when they are told."""

import json

from fixture_types import MakeImages, Submitted
from sqlalchemy import text, update

from worker.assets.deletion import delete_asset
from worker.db.engine import Database
from worker.db.tables import JobRow, PolicyRow, RoutingRow
from worker.events.outbox import Event, events_between, record_events
from worker.jobs.batch_ends import BatchEnds
from worker.jobs.batches import show_batch
from worker.jobs.queries import list_jobs, show_job
from worker.jobs.requests import retry_job
from worker.process.bootstrap import Services
from worker.sinks.payloads import deliveries_of
from worker.sinks.protocol import Delivery
from worker.states import EventKind

KEYS = {"id", "type", "at", "tenant", "details", "job", "deleted_job", "prediction", "routings", "batch"}


def told(database: Database) -> list[Delivery]:
    """All events as they are told now; each can be JSON."""
    with database.read() as tx:
        found = deliveries_of(tx, events_between(tx, 0, 1000, 1000))
    for delivery in found:
        assert json.loads(json.dumps(delivery.payload)) == delivery.payload
        assert set(delivery.payload) == KEYS
        assert (delivery.payload["id"], delivery.payload["type"]) == (delivery.id, delivery.type)
    return found


def test_ends_of_jobs_are_told_with_their_answers(
    services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """The job as `jobs list --json` has it, the prediction as `jobs show --json` does; a batch as `batches show`."""
    ids = submitted([*make_images(1), "file:///none.png"])
    services.pipeline.run(ids)
    BatchEnds().sweep(services.database)
    by_type = {str(delivery.type): delivery.payload for delivery in told(services.database)}
    with services.database.read() as tx:
        failed, succeeded = list_jobs(tx)
        prediction = show_job(tx, ids[0])["prediction"]
        batch = {key: value for key, value in show_batch(tx, 1).items() if key not in ("rate_per_s", "left_s")}
    good, bad, end = (by_type[kind] for kind in ("job.succeeded", "job.failed", "batch.finished"))
    assert (good["job"], good["prediction"], good["details"]) == (succeeded, prediction, None)
    assert (good["tenant"], good["routings"], good["batch"], good["deleted_job"]) == ("default", [], None, None)
    assert (bad["job"], bad["prediction"]) == (failed, None)
    assert bad["details"] == {"status": "failed", "code": "asset_not_found"}
    assert (end["batch"], end["job"]) == (batch, None)
    assert batch["counts"] == {**dict.fromkeys(batch["counts"], 0), "succeeded": 1, "failed": 1}


def test_a_job_that_goes_on_keeps_how_it_had_failed(services: Services, submitted: Submitted) -> None:
    """Told late, the job is as it is by then; the event says what had happened."""
    ids = submitted(["file:///none.png"])
    services.pipeline.run(ids)
    retry_job(services.database, ids[0])
    (delivery,) = told(services.database)
    assert delivery.payload["job"]["status"] == "queued"
    assert delivery.payload["details"] == {"status": "failed", "code": "asset_not_found"}


def test_a_deleted_job_is_told_by_its_number(services: Services, submitted: Submitted, make_images: MakeImages) -> None:
    """And said to be deleted; nothing else is left to tell, also when another job has its number by now."""
    uris = make_images(2)
    ids = submitted(uris)
    services.pipeline.run(ids)
    delete_asset(services.database, "default", uris[0], "me")
    with services.database.write() as tx:
        tx.execute(update(JobRow).where(JobRow.id == ids[1]).values(created_at=tx.now()))
    payloads = [delivery.payload for delivery in told(services.database)]
    assert sorted(payload["deleted_job"] for payload in payloads) == ids  # they may have ended in another order
    for payload in payloads:
        assert payload["job"] is None
        assert (payload["prediction"], payload["routings"]) == (None, [])


def test_routings_are_told_with_their_policy(services: Services, submitted: Submitted, make_images: MakeImages) -> None:
    """Those that act; what a shadow would have done is not told."""
    uris = make_images(1)
    ids = submitted(uris)
    services.pipeline.run(ids)
    with services.database.write() as tx:
        now = tx.now()
        for number, name in ((1, "moderation"), (2, "shadow")):
            tx.add(
                PolicyRow(
                    id=number, tenant_id=1, name=name, version=3, document="{}", sha256="0" * 64, active=True,
                    release_id=1, created_at=now, created_by="me",
                )
            )  # fmt: skip
        tx.flush()
        common = {"job_id": ids[0], "tenant_id": 1, "asset_id": 1, "action": "review", "created_at": now}
        tx.add(RoutingRow(**common, policy_id=1, rule="weapons", review_queue="weapons", priority=10, tags=["minor"]))
        tx.add(RoutingRow(**common, policy_id=2, shadow=True))
        record_events(tx, [Event(EventKind.ROUTING_CHANGED, 1, ids[0], details={"policy": "moderation"})])
    delivery = told(services.database)[-1]
    (routing,) = delivery.payload["routings"]
    assert routing.pop("created_at") == now.isoformat()
    assert routing.pop("cursor") == f"10.{ids[0]}.1"
    assert routing == {
        "job": ids[0], "tenant": "default", "name": uris[0], "shadow": False,
        "policy": "moderation", "version": 3, "rule": "weapons", "action": "review",
        "queue": "weapons", "collection": None, "priority": 10, "tags": ["minor"], "sampled": False,
    }  # fmt: skip
    assert delivery.payload["prediction"] is not None
    assert delivery.type == "routing.changed"


def test_an_event_of_a_release_to_come_is_told_too(services: Services) -> None:
    """A word that this release does not know is told as it is."""
    with services.database.write() as tx:
        record_events(tx, [Event(EventKind.BATCH_FINISHED, 99, batch_id=7)])
        tx.execute(text("UPDATE events SET kind = 'job.postponed'"))
    (delivery,) = told(services.database)
    assert (delivery.type, delivery.payload["tenant"], delivery.payload["batch"]) == ("job.postponed", None, None)
