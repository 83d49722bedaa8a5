"""Exactly the events that a webhook wants arrive, at least once and signed; who is ill holds up nobody else."""

import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from hostile_site import answer
from receivers import after, receiving
from sqlalchemy import select, update
from standardwebhooks.webhooks import WebhookVerificationError
from waiting import wait_until
from webhook_world import World

from worker.db.tables import DeliveryRow, SinkRow, WebhookRow
from worker.errors import LookupFailedError, WebhookError
from worker.events.retention import purge_events
from worker.states import EventKind
from worker.telemetry.metrics import REGISTRY
from worker.webhooks.deliveries import list_deliveries, redeliver
from worker.webhooks.endpoints import (
    CURSOR,
    Wanted,
    forget_old_secrets,
    list_webhooks,
    remove_webhook,
    rotate_secret,
    show_webhook,
)
from worker.webhooks.post import Answer
from worker.webhooks.retention import give_up_deliveries, purge_deliveries
from worker.webhooks.rounds import record_round, take_round


def test_events_arrive_once_signed_and_in_order(world: World) -> None:
    """What had happened before a webhook was added is not told; all that came after is, by the standard's headers."""
    world.write(3)
    with receiving() as receiver:
        added = world.add(receiver.url)
        world.write(120)
        world.fan_out()
        world.send()
        world.fan_out()
        world.send()
    assert sorted(receiver.events) == list(range(4, 124))
    assert len({each.id for each in receiver.received}) == 120
    for each in receiver.received:
        each.verify(added.secret)
        assert each.headers["content-type"] == "application/json"
        assert set(each.payload) == {"type", "timestamp", "data"}
        assert each.payload["type"] == each.payload["data"]["type"] == "batch.finished"
    assert {row.status for row in world.deliveries()} == {"delivered"}
    assert {row.answer for row in world.deliveries()} == {"thanks"}
    assert world.webhook(added.id).failures == 0


def test_a_webhook_gets_its_kinds_and_its_tenants_events_only(world: World) -> None:
    with receiving() as one, receiving() as other:
        world.add(one.url, wanted=Wanted([EventKind.JOB_FAILED]))
        world.add(other.url, tenant="other")
        for kind in (EventKind.JOB_FAILED, EventKind.BATCH_FINISHED):
            world.write(kind=kind)
            world.write(kind=kind, tenant_id=2)
        world.fan_out()
        world.send()
    assert one.events == [1]
    assert sorted(other.events) == [2, 4]
    assert {each.payload["data"]["tenant"] for each in other.received} == {"other"}


def test_while_a_secret_rotates_both_verify(world: World) -> None:
    """For a day: then the old one is forgotten, and verifies nothing that is sent."""
    with receiving() as receiver:
        old = world.add(receiver.url)
        with world.database.write() as tx:
            new = rotate_secret(tx, old.id)
        world.write()
        world.fan_out()
        world.send()
        for secret in (old.secret, new.secret):
            receiver.received[0].verify(secret)
        with world.database.write() as tx:
            assert list_webhooks(tx)[0]["old_secret_until"] is not None
            tx.execute(update(WebhookRow).values(old_until=tx.now() - timedelta(seconds=1)))
        world.write()
        world.fan_out()
        world.send()
        with world.database.write() as tx:
            forget_old_secrets(tx)
            assert tx.scalar(select(WebhookRow.old_secret)) is None
    receiver.received[1].verify(new.secret)
    with pytest.raises(WebhookVerificationError):
        receiver.received[1].verify(old.secret)


def test_a_receiver_that_is_down_loses_nothing(world: World) -> None:
    """It is tried with one delivery at a time, the others are charged nothing; once it is up all of them come."""
    with receiving(answer(b"password=abc", 503)) as receiver:
        added = world.add(receiver.url)
        world.write(30)
        world.fan_out()
        sender = world.sender()
        for tried in (1, 2, 3):
            world.hurry()
            sender.turn()
            wait_until(lambda: not sender.is_running(), "the round")
            assert (len(receiver.received), world.webhook(added.id).failures) == (tried, tried)
        assert world.webhook(added.id).message == "503 password=***"
        assert sum(row.failures for row in world.deliveries()) == 3
        assert not sender.is_behind()
        receiver.page = answer(b"")
        for _ in range(3):
            world.hurry()
            world.send(sender)
    taken = Counter(each.event for each in receiver.received[3:])
    assert taken == dict.fromkeys(range(1, 31), 1)
    assert (world.webhook(added.id).failures, world.webhook(added.id).message) == (0, None)
    counted = REGISTRY.get_sample_value("cladist_webhooks_delivered_total", {"webhook": str(added.id)})
    assert counted is not None
    assert counted >= 30


def test_a_port_where_nobody_listens_keeps_its_deliveries(world: World) -> None:
    with receiving() as receiver:
        url = receiver.url
    added = world.add(url)
    world.write()
    world.fan_out()
    world.send()
    (row,) = world.deliveries()
    assert (row.status, row.answer_status, row.failures) == ("pending", None, 1)
    assert (row.answer or "").startswith("the connection failed")
    with world.database.read() as tx:
        assert show_webhook(tx, added.id)["lag_s"] >= 0


def test_slow_receivers_do_not_hold_up_another(world: World) -> None:
    """Ten of them, with two hundred deliveries each, leave room for the one that is quick."""
    release = threading.Event()
    with receiving(after(lambda: release.wait(20), answer(b""))) as slow, receiving() as quick:
        for _ in range(10):
            world.add(slow.url)
        world.write(200)
        world.fan_out()
        sender = world.sender(webhook_parallel=16, webhook_timeout_s=20.0)
        sender.turn()
        wait_until(lambda: slow.most_at_once == 10, "the slow ones to be asked")
        quick_id = world.add(quick.url).id
        world.write(100)
        world.fan_out()

        def quick_is_told() -> bool:
            sender.turn()
            return len(quick.received) == 100

        wait_until(quick_is_told, f"webhook {quick_id}", 15.0)
        assert not release.is_set()
        release.set()
        sender.close(20.0)


def test_two_workers_send_nothing_twice(world: World) -> None:
    """Nor do two of them give out an event twice."""
    with receiving() as receiver:
        world.add(receiver.url)
        world.write(300)
        threads = [threading.Thread(target=world.fan_out, args=(name,)) for name in ("one", "other")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        world.fan_out()
        one, other = world.sender(), world.sender()

        def is_done() -> bool:
            one.turn()
            other.turn()
            return not (one.is_running() or other.is_running() or world.due())

        wait_until(is_done, "both")
    assert Counter(receiver.events) == dict.fromkeys(range(1, 301), 1)


def test_rounds_that_fail_side_by_side_are_one_failure(world: World) -> None:
    """Else a hiccup of a busy receiver would keep it waiting for minutes."""
    with receiving() as receiver:
        added = world.add(receiver.url)
    world.write(9)
    world.fan_out()
    taken = []
    for _ in range(3):
        with world.database.write() as tx:
            taken.append(take_round(tx, added.id, 3, 60.0))
    for each in taken:
        assert each is not None
        with world.database.write() as tx:
            record_round(tx, each, [Answer(503, "")])
    assert world.webhook(added.id).failures == 1
    assert sorted(row.failures for row in world.deliveries()) == [0] * 6 + [1] * 3


def test_a_webhook_that_fails_is_tried_by_one_worker_at_a_time(world: World) -> None:
    release = threading.Event()
    with receiving(answer(b"", 500)) as receiver:
        world.add(receiver.url)
        world.write(20)
        world.fan_out()
        senders = [world.sender(), world.sender()]
        senders[0].turn()
        wait_until(lambda: not senders[0].is_running(), "the first failure")
        receiver.page = after(lambda: release.wait(2), answer(b"", 500))
        world.hurry()
        for sender in senders * 3:
            sender.turn()
            time.sleep(0.05)
        assert len(receiver.received) == 2
        release.set()


def test_what_was_posted_and_not_written_down_comes_again(world: World) -> None:
    """A sender that is killed in between leaves a lease; when it has ended the same message comes, with the same id."""
    with receiving() as receiver:
        added = world.add(receiver.url)
        world.write()
        world.fan_out()
        with world.database.write() as tx:
            taken = take_round(tx, added.id, 50, 60.0)
        assert taken is not None
        (message,) = taken.messages
        assert message.body is not None
        sender = world.sender()
        sender._poster.post(taken.url, taken.signer.headers(message.message_id, message.body), message.body)
        world.send(sender)
        assert len(receiver.received) == 1
        world.hurry()
        world.send(sender)
        assert len({each.id for each in receiver.received}) == 1
        assert len(receiver.received) == 2
        with world.database.write() as tx:  # the first wakes up after all
            record_round(tx, taken, [Answer(500, "late")])
    (row,) = world.deliveries()
    assert (row.status, row.attempt, row.answer_status) == ("delivered", 2, 200)


def test_410_disables_a_webhook(world: World) -> None:
    """What is pending ends, nothing new is given to it, and nothing can be sent again."""
    with receiving(answer(b"", 410)) as receiver:
        added = world.add(receiver.url)
        world.write(5)
        world.fan_out()
        world.send()
        world.write(5)
        world.fan_out()
        world.hurry()
        world.send()
    assert len(receiver.received) == 1
    assert world.webhook(added.id).disabled_at is not None
    assert sum(give_up_deliveries(world.database)) == 4
    assert [row.status for row in world.deliveries()] == ["failed"] * 5
    with world.database.write() as tx, pytest.raises(WebhookError, match="410"):
        redeliver(tx, 1)


def test_three_days_are_the_end(world: World) -> None:
    """One last attempt at their end; then it is logged as failed, counted, and may be sent again by hand."""
    with receiving(answer(b"", 500)) as receiver:
        added = world.add(receiver.url)
        world.write(2)
        world.fan_out()
        with world.database.write() as tx:
            tx.execute(update(DeliveryRow).values(expires_at=tx.now() - timedelta(seconds=1)))
        world.send()
        assert sum(give_up_deliveries(world.database)) == 1
        with world.database.read() as tx:
            failed = list_deliveries(tx, added.id, failed=True)
        assert [(each["event"], each["status"]) for each in failed] == [(2, "failed"), (1, "failed")]
        receiver.page = answer(b"")
        with world.database.write() as tx:
            assert redeliver(tx, 1)["status"] == "pending"
        world.hurry()
        world.send()
    assert receiver.received[0].id == receiver.received[-1].id
    assert [row.status for row in world.deliveries()] == ["delivered", "failed"]
    with world.database.read() as tx:
        assert [each["delivery"] for each in list_deliveries(tx, added.id, failed=True)] == [2]


def test_events_wait_for_their_deliveries_and_the_log_is_purged(world: World) -> None:
    """Also where nothing is kept any longer than needed; what is pending stays."""
    with receiving() as receiver:
        world.add(receiver.url)
        world.write(5)
        world.fan_out()
        assert sum(purge_events(world.database, timedelta(0))) == 0
        assert sum(purge_deliveries(world.database, timedelta(0))) == 0
        world.send()
        assert sum(purge_events(world.database, timedelta(0))) == 5
        with world.database.write() as tx, pytest.raises(WebhookError, match="kept no longer"):
            redeliver(tx, 1)
        assert sum(purge_deliveries(world.database, timedelta(days=1))) == 0
        assert sum(purge_deliveries(world.database, timedelta(0))) == 5
    assert not world.deliveries()


def test_a_webhook_that_is_removed_is_forgotten_whole(world: World) -> None:
    with receiving() as receiver:
        added, other = world.add(receiver.url), world.add(receiver.url)
        world.write(5)
        world.fan_out()
        remove_webhook(world.database, added.id)
        world.send()
    assert sorted(receiver.events) == [1, 2, 3, 4, 5]
    assert {row.webhook_id for row in world.deliveries()} == {other.id}
    with world.database.read() as tx, pytest.raises(LookupFailedError):
        show_webhook(tx, added.id)


def test_a_cursor_that_was_forgotten_begins_anew(world: World) -> None:
    """`cladist sinks forget webhooks` loses what was not given out, not what comes."""
    with receiving() as receiver:
        world.add(receiver.url)
        with world.database.write() as tx:
            tx.delete(tx.get_one(SinkRow, CURSOR))
        world.write()
        world.fan_out()
        world.write()
        world.fan_out()
        world.send()
    assert receiver.events == [2]


def test_the_log_is_of_one_tenant(world: World) -> None:
    """Ids of another tenant's are as if they were not."""
    with receiving() as receiver:
        added = world.add(receiver.url)
        world.write()
        world.fan_out()
    with world.database.write() as tx:
        assert list_webhooks(tx, "other") == []
        for ask in (
            lambda: show_webhook(tx, added.id, "other"),
            lambda: rotate_secret(tx, added.id, "other"),
            lambda: list_deliveries(tx, added.id, "other"),
            lambda: redeliver(tx, 1, "other"),
        ):
            with pytest.raises(LookupFailedError):
                ask()
    with pytest.raises(LookupFailedError):
        remove_webhook(world.database, added.id, "other")


def test_no_listing_shows_a_secret(world: World) -> None:
    """Nor what the address hides in its query."""
    added = world.add("https://example.com/hooks?key=abcdefgh")
    with world.database.read() as tx:
        shown = str([list_webhooks(tx), show_webhook(tx, added.id)])
    assert added.secret not in shown
    assert added.secret not in repr(added)
    assert "https://example.com/hooks?key=***" in shown
