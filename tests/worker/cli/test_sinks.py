"""Sinks by the command line."""

import json

from command_line import Cladist
from fixture_types import MakeBundle

from worker.db.engine import Database
from worker.sinks.cursors import fail, register, take_lease


def test_sinks_by_the_command_line(cladist: Cladist, make_bundle: MakeBundle) -> None:
    """Told by a worker, listed, forgotten; each speaks JSON; each mistake is one line."""
    make_bundle(cladist.folder / "b")
    cladist.ok("db", "upgrade")
    cladist.ok("bundle", "add", "b")
    assert cladist.ok("sinks", "list", "--json") == []
    cladist.ok("submit", "none.png")
    path = cladist.folder / "events.jsonl"
    done = cladist("worker", "--drain", CLADIST_SINKS=f"jsonl:{path}", CLADIST_POLL_S="0.02")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["type"] for line in path.read_text().splitlines()] == ["job.failed", "batch.finished"]
    (shown,) = map(json.loads, cladist.ok("sinks", "list", "--json"))
    assert (shown["sink"], shown["waiting"], shown["failures"], shown["worker"]) == (f"jsonl:{path}", 0, 0, None)
    assert "events.jsonl" in "".join(cladist.ok("sinks", "list"))
    (forgotten,) = map(json.loads, cladist.ok("sinks", "forget", f"jsonl:{path}", "--json"))
    assert forgotten == {"forgotten": f"jsonl:{path}"}
    assert "no sink is known as 'none'" in cladist.refused("sinks", "forget", "none")


def test_a_sink_that_is_ill_says_why(cladist: Cladist) -> None:
    """In the table for people, without a password."""
    cladist.ok("db", "upgrade")
    database = Database(f"sqlite:///{cladist.folder}/cladist.db")
    with database.write() as tx:
        register(tx, "celery:host.task")
        lease = take_lease(tx, "celery:host.task", "w", 60.0)
        assert lease is not None
        fail(tx, lease, "OperationalError: redis://:secret@host refused", 1.0)
    database.close()
    text = "".join(cladist.ok("sinks", "list"))
    assert "OperationalError" in text
    assert "secret" not in text
