"""By node and by review queue: what was decided under it, what was routed to it, and nothing else."""

from fixture_types import MakeImages, Submitted
from receivers import receiving
from sqlalchemy import update
from webhook_world import World

from worker.db.tables import DecisionRow, PolicyRow, RoutingRow
from worker.events.outbox import Event, record_events
from worker.process.bootstrap import Services
from worker.states import EventKind
from worker.webhooks.endpoints import Wanted, list_webhooks


def decide(world: World, job_id: int, node: str | None, others: list[str] | None = None) -> None:
    """Let a job have been decided so, and tell of it."""
    with world.database.write() as tx:
        row = tx.get_one(DecisionRow, job_id)
        decisions = {"decisions": [{"node": other} for other in others]} if others else {}
        prediction = {**row.prediction, "decision": {**row.prediction["decision"], "node": node}, **decisions}
        tx.execute(update(DecisionRow).where(DecisionRow.job_id == job_id).values(prediction=prediction))
        record_events(tx, [Event(EventKind.JOB_SUCCEEDED, 1, job_id)])


def test_under_a_node(world: World, services: Services, submitted: Submitted, make_images: MakeImages) -> None:
    """Itself and what is below it, also where a node has two parents; not what lies above, beside, or was undecided."""
    ids = submitted(make_images(1))
    services.pipeline.run(ids)
    with receiving() as round_ones, receiving() as colours:
        world.add(round_ones.url, wanted=Wanted(node="Round"))
        world.add(colours.url, wanted=Wanted(node="colour"))
        with world.database.read() as tx:
            assert [each["under"] for each in list_webhooks(tx)] == ["round", "colour"]
        first = 2  # after the end of the job itself
        for node in ("shape", "round", "disc", "square", "red-disc", None):
            decide(world, ids[0], node)
            world.fan_out()
        decide(world, ids[0], "square", ["square", "ring"])
        world.write()  # of no job
        world.fan_out()
        world.send()
    assert sorted(round_ones.events) == [first + 1, first + 2, first + 4, first + 6]
    assert colours.events == [first + 4]


def test_of_a_review_queue(world: World, services: Services, submitted: Submitted, make_images: MakeImages) -> None:
    """Where an acting routing sends it there; what a shadow would have done does not count."""
    ids = submitted(make_images(3))
    services.pipeline.run(ids)
    with world.database.write() as tx:
        now = tx.now()
        tx.add(
            PolicyRow(
                id=1, tenant_id=1, name="moderation", version=1, document="{}", sha256="0" * 64, release_id=1,
                active=True, created_at=now, created_by="me",
            )
        )  # fmt: skip
        tx.flush()
        for job_id, queue, shadow in ((ids[0], "weapons", False), (ids[1], "weapons", True), (ids[2], "other", False)):
            common = {"policy_id": 1, "tenant_id": 1, "asset_id": 1, "action": "review", "created_at": now}
            tx.add(RoutingRow(**common, job_id=job_id, review_queue=queue, shadow=shadow))
    with receiving() as receiver:
        world.add(receiver.url, wanted=Wanted([EventKind.ROUTING_CHANGED], review_queue="weapons"))
        with world.database.write() as tx:
            record_events(tx, [Event(EventKind.ROUTING_CHANGED, 1, job_id) for job_id in ids])
        world.fan_out()
        world.send()
    assert [each.payload["data"]["job"]["job"] for each in receiver.received] == ids[:1]
    assert receiver.received[0].payload["data"]["routings"][0]["queue"] == "weapons"
