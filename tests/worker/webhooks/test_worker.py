"""Whole workers with webhooks: drained, killed, with a receiver that never answers."""

import threading
from ipaddress import ip_network

import pytest
from fixture_types import MakeImages, Submitted
from hostile_site import answer
from job_rows import statuses
from receivers import after, receiving
from waiting import wait_until
from webhook_world import World
from worker_process import worker_process

from worker.process.bootstrap import Services, bootstrap
from worker.process.service import run_worker
from worker.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A worker that may post to this machine."""
    return settings.model_copy(update={"webhook_networks": (ip_network("127.0.0.1/32"),), "stop_s": 20.0})


def test_a_drained_worker_has_sent_everything(
    settings: Settings, services: Services, world: World, submitted: Submitted, make_images: MakeImages
) -> None:
    """Every end of a job and of its batch, signed, before the worker ends."""
    made = bootstrap(settings)
    with receiving() as receiver:
        added = world.add(receiver.url)
        ids = submitted([*make_images(3), "file:///none.png"])
        run_worker(made, drain=True)
    made.close()
    assert statuses(services.database) == {"succeeded": 3, "failed": 1}
    jobs = [each.payload["data"]["job"] for each in receiver.received]
    assert sorted(job["job"] for job in jobs if job) == ids
    assert jobs.count(None) == 1
    for each in receiver.received:
        each.verify(added.secret)


def test_a_receiver_that_never_answers_delays_no_job(
    settings: Settings, services: Services, world: World, submitted: Submitted, make_images: MakeImages
) -> None:
    """And a drained worker waits for it no longer than it waits for a sink."""
    release = threading.Event()
    made = bootstrap(settings.model_copy(update={"stop_s": 1.0, "webhook_timeout_s": 2.0}))
    with receiving(after(lambda: release.wait(30), answer(b""))) as stuck, receiving() as well:
        world.add(stuck.url)
        world.add(well.url)
        submitted(make_images(3))
        run_worker(made, drain=True)
        release.set()
    made.close()
    assert statuses(services.database) == {"succeeded": 3}
    assert len(well.received) == 4


@pytest.mark.service
@pytest.mark.parametrize("settings", ["servers"], indirect=True)
def test_a_worker_killed_between_post_and_commit(settings: Settings, services: Services, world: World) -> None:
    """Another one sends the same message, with the same webhook-id, once the lease has ended."""
    del services
    release = threading.Event()
    with receiving(after(lambda: release.wait(60), answer(b""))) as receiver:
        added = world.add(receiver.url)
        world.write()
        with worker_process(settings) as process:
            wait_until(lambda: receiver.received, "the first post")
            process.kill()
            process.wait()
        release.set()
        receiver.page = answer(b"")
        (row,) = world.deliveries()
        assert (row.status, row.attempt) == ("pending", 1)
        world.hurry()
        with worker_process(settings):
            wait_until(lambda: world.deliveries()[0].status == "delivered", "the second post")
    assert len(receiver.received) >= 2
    assert len({each.id for each in receiver.received}) == 1
    for each in receiver.received:
        each.verify(added.secret)
