"""Queues, dead jobs and purges by the command line."""

import json
from datetime import timedelta

from command_line import Cladist
from fixture_types import MakeBundle
from sqlalchemy import delete, update

from worker.db.engine import Database
from worker.db.tables import JobRow, OutboxRow
from worker.states import Status


def let_die(database: Database) -> None:
    """Let all jobs have died forty days ago."""
    with database.write() as session:
        past = session.now() - timedelta(days=40)
        values = {"status": Status.DEAD, "finished_at": past, "created_at": past, "code": "out_of_attempts"}
        session.execute(update(JobRow).values(values))
        session.execute(delete(OutboxRow))


def test_queues_by_the_command_line(cladist: Cladist, make_bundle: MakeBundle) -> None:
    """Made, filled, paused, resumed, shown; each speaks JSON; each mistake is one line."""
    make_bundle(cladist.folder / "b")
    cladist.ok("db", "upgrade")
    cladist.ok("bundle", "add", "b")
    (made,) = map(json.loads, cladist.ok("queues", "set", "urgent", "--priority", "9", "--json"))
    assert made == {"queue": "urgent", "priority": 9, "weight": 1.0, "rate_per_s": None, "paused": False, "waiting": 0}
    (job,) = cladist.ok("submit", "a.png", "--queue", "urgent", "--tenant", "shop")
    (shown,) = map(json.loads, cladist.ok("jobs", "show", job, "--json"))
    assert (shown["queue"], shown["tenant"]) == ("urgent", "shop")
    assert json.loads(cladist.ok("queues", "pause", "urgent", "--json")[0])["paused"]
    assert "yes" in "\n".join(cladist.ok("queues", "list"))
    assert not json.loads(cladist.ok("queues", "resume", "urgent", "--json")[0])["paused"]
    assert "no queue is named 'none'" in cladist.refused("queues", "pause", "none")
    assert "no queue is named 'none'" in cladist.refused("submit", "a.png", "--queue", "none")
    assert "is no name of a queue" in cladist.refused("queues", "set", "a b")
    for number in ("0", "nan", "inf", "1e99"):
        assert "--weight" in cladist.refused("queues", "set", "a", "--weight", number)


def test_dead_and_purge_by_the_command_line(cladist: Cladist, make_bundle: MakeBundle) -> None:
    """Each speaks JSON; each mistake is one line."""
    make_bundle(cladist.folder / "b")
    cladist.ok("db", "upgrade")
    cladist.ok("bundle", "add", "b")
    (job,) = cladist.ok("submit", "a.png")
    database = Database(f"sqlite:///{cladist.folder}/cladist.db")
    let_die(database)
    assert json.loads(cladist.ok("jobs", "dead", "list", "--json")[0])["code"] == "out_of_attempts"
    assert cladist.ok("jobs", "dead", "retry", job) == ["1 queued"]
    assert f"job {job} is queued, not dead" in cladist.refused("jobs", "dead", "retry", job)
    assert cladist.ok("jobs", "dead", "retry", "--all") == ["0 queued"]
    let_die(database)
    database.close()
    purge = ("jobs", "purge", "--older-than")
    assert json.loads(cladist.ok(*purge, "30d", "--dry-run", "--json")[0]) == {"jobs": 1, "dry_run": True}
    assert cladist.ok(*purge, "6w") == ["0 purged"]
    assert cladist.ok(*purge, "999999d") == ["0 purged"]
    assert cladist.ok(*purge, "36h") == ["1 purged"]
    assert "give the IDS" in cladist.refused("jobs", "dead", "retry")
    assert "'long' is no duration" in cladist.refused(*purge, "long")
