"""Webhooks by the command line, and a whole worker that sends them."""

import json

from command_line import Cladist
from fixture_types import MakeBundle
from hostile_site import answer
from receivers import receiving

NETWORKS = {"CLADIST_WEBHOOK_NETWORKS": "127.0.0.1/32"}


def test_webhooks_by_the_command_line(cladist: Cladist, make_bundle: MakeBundle) -> None:
    """Added, told by a worker, listed, tested, sent again, rotated, removed; each speaks JSON."""

    def said(*words: str) -> list[dict[str, object]]:
        done = cladist("webhooks", *words, "--json", **NETWORKS)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    make_bundle(cladist.folder / "b")
    cladist.ok("db", "upgrade")
    cladist.ok("bundle", "add", "b")
    with receiving() as receiver:
        (added,) = said("add", receiver.url, "--tenant", "default", "--event", "job.failed")
        assert set(added) == {"id", "secret"}
        secret = str(added["secret"])
        assert secret.startswith("whsec_")
        cladist.ok("submit", "none.png")
        done = cladist("worker", "--drain", CLADIST_POLL_S="0.02", **NETWORKS)
        assert done.returncode == 0, done.stderr
        (told,) = receiver.received
        told.verify(secret)
        assert told.payload["data"]["details"] == {"status": "failed", "code": "asset_not_found"}
        (listed,) = said("list")
        assert (listed["events"], listed["tenant"], listed["failures"]) == (["job.failed"], "default", 0)
        assert said("list", "--tenant", "other") == []
        assert said("show", "1")[0]["url"] == receiver.url
        (tested,) = said("test", "1")
        assert (tested["status"], tested["answer"]) == ("delivered", "thanks")
        log = said("deliveries", "1")
        assert [each["type"] for each in log] == ["webhook.test", "job.failed"]
        assert said("deliveries", "1", "--failed") == []
        assert said("redeliver", str(log[1]["delivery"]))[0]["status"] == "pending"
        cladist("worker", "--drain", CLADIST_POLL_S="0.02", **NETWORKS)
        assert [each.id for each in receiver.received] == [told.id, receiver.received[1].id, told.id]
        (rotated,) = said("rotate", "1")
        assert rotated["secret"] != secret
        shown = "".join(cladist.ok("webhooks", "list") + cladist.ok("webhooks", "show", "1"))
        assert "whsec_" not in shown
        assert "job.failed" in "".join(cladist.ok("webhooks", "deliveries", "1"))
        receiver.page = answer(b"", 500)
        failed = cladist("webhooks", "test", "1", **NETWORKS)
        assert (failed.returncode, failed.stdout) == (1, "failed: 500\n")
    assert said("remove", "1") == [{"removed": 1}]
    assert said("list") == []


def test_what_people_are_shown_of_a_secret(cladist: Cladist) -> None:
    """Once, by itself on a line."""
    cladist.ok("db", "upgrade")
    lines = cladist.ok("webhooks", "add", "https://example.com/hooks", "--tenant", "shop", "--queue", "weapons")
    assert lines[0] == "webhook 1; its secret, which is not shown again:"
    assert lines[1].startswith("whsec_")
    assert cladist.ok("webhooks", "rotate", "1")[1] != lines[1]
    assert cladist.ok("webhooks", "remove", "1") == ["webhook 1 is removed"]


def test_mistakes_are_one_line(cladist: Cladist) -> None:
    cladist.ok("db", "upgrade")
    for words, what in (
        (("add", "http://127.0.0.1/", "--tenant", "t"), "CLADIST_WEBHOOK_NETWORKS"),
        (("add", "file:///etc/passwd", "--tenant", "t"), "https://"),
        (("add", "https://example.com/", "--tenant", " "), "no name of a tenant"),
        (("add", "https://example.com/", "--tenant", "t", "--under", "x"), "no bundle is active"),
        (("add", "https://example.com/", "--tenant", "t", "--event", "job.done"), "job.succeeded"),
        (("add", "https://example.com/", "--tenant", "t", "--queue", ""), "1 to 64 characters"),
        (("show", "7"), "no webhook has the id 7"),
        (("test", "7"), "no webhook has the id 7"),
        (("rotate", "7"), "no webhook has the id 7"),
        (("remove", "7"), "no webhook has the id 7"),
        (("deliveries", "7"), "no webhook has the id 7"),
        (("redeliver", "7"), "no delivery has the id 7"),
    ):
        assert what in cladist.refused("webhooks", *words), words
