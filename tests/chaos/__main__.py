"""Faults of every kind against real workers and servers; prints what was lost, doubled or left over, and for how long.

usage: python tests/chaos [--short] [--only WORDS] [--seed N]

Every scenario starts servers of its own on free ports. It is good when every job succeeded and has one routing, no
label row or decision is there twice, no lease or outbox row is left, each end of a job is one event, a JSON Lines sink
was told of each and of the end of each batch, every audit chain is intact and has one record of each activation,
deletion and routing, and work went on at most 2 s after the lease of what was lost had ended.
Exit code 1 when one is not; in the short run, which shares machines with others, lateness is only told.
"""

import argparse
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))  # run by path, without pytest

import mortal
import promises
import scenarios
from networks import blackholed, delayed, network, reset
from scenarios import Place, Scenario, embedded, killed, servers
from world import LEASE_S, SLACK_S, Verdict

from worker.cli.output import print_table

Where = Callable[[Path], AbstractContextManager[Place]]

KILLS, FAULTS = 50, 5
SHORT_KILLS, SHORT_FAULTS = 2, 1
COLUMNS = (
    "fault",
    "where",
    "times",
    "jobs",
    "lost",
    "doubled",
    "orphans",
    "unproved",
    "restarts",
    "recovery s",
    "worst s",
    "s",
    "",
)

POINTS: dict[str, Callable[[], mortal.Hook]] = {
    "kill -9 at any moment": lambda: mortal.at_any_moment(1.0),
    "kill -9 before a commit": lambda: mortal.before_a_commit(8),
    "kill -9 after a commit": lambda: mortal.after_a_commit(8),
    "kill -9 before publishing": lambda: mortal.before_publish(2),
    "kill -9 after publishing": lambda: mortal.after_publish(2),
    "kill -9 between claim and ack": lambda: mortal.before_the_ack(2),
}
ON_SERVERS: dict[str, Scenario] = {
    "Redis restarted, persistent": scenarios.redis_restarted(persistent=True),
    "Redis restarted, forgetful": scenarios.redis_restarted(persistent=False),
    "FLUSHALL": scenarios.redis_flushed,
    "Redis maxmemory reached": scenarios.redis_full,
    "PostgreSQL restarted": scenarios.postgres_restarted(signal.SIGINT),
    "PostgreSQL killed": scenarios.postgres_restarted(signal.SIGQUIT),
    "PostgreSQL connections ended": scenarios.postgres_cut_off,
    "PostgreSQL read-only, as in a failover": scenarios.postgres_read_only,
    "frozen relay": scenarios.relay_frozen,
    "Redis demoted to a replica": scenarios.redis_demoted,
    "unreadable messages": scenarios.unreadable_messages,
    "PostgreSQL connections reset": network("postgres", reset),
    "PostgreSQL unreachable": network("postgres", blackholed),
    "PostgreSQL slow": network("postgres", delayed),
    "Redis connections reset": network("redis", reset),
    "Redis unreachable": network("redis", blackholed),
    "Redis slow": network("redis", delayed),
    "clock an hour forth and back": scenarios.clock_stepped(3600.0),
    "clock an hour back and forth": scenarios.clock_stepped(-3600.0),
}
EVERYWHERE: dict[str, Scenario] = {
    "retry of a cancelled job": promises.cancelled_and_retried,
    "apply beside a store": promises.applied_beside_stores,
    "three upgrades at once": promises.upgraded_at_once,
    "Retry-After": promises.asked_to_wait,
    "sink down": promises.sink_down,
}


def plan(kills: int, faults: int) -> list[tuple[str, str, Where, Scenario, int]]:
    """(fault, where, servers, scenario, times) of everything."""
    rows: list[tuple[str, str, Where, Scenario, int]] = []
    for name, point in POINTS.items():
        rows.append((name, "servers", servers, killed(point), kills))
        rows.append((name, "embedded", embedded, killed(point), kills))
    rows += [(name, "servers", servers, scenario, faults) for name, scenario in ON_SERVERS.items()]
    for name, scenario in EVERYWHERE.items():
        rows += [(name, "servers", servers, scenario, faults), (name, "embedded", embedded, scenario, faults)]
    rows.append(("disk full", "embedded", embedded, scenarios.disk_full, faults))
    rows.append(("clock an hour forth and back", "embedded", embedded, scenarios.clock_stepped(3600.0), faults))
    return rows


def play(where: Where, scenario: Scenario, times: int) -> Verdict:
    """One scenario in a folder and with servers of its own."""
    with tempfile.TemporaryDirectory(prefix="cladist-chaos-") as folder, where(Path(folder)) as place:
        return scenario(place, times)


def main() -> int:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="few rounds of everything, for CI")
    parser.add_argument("--only", default="", help="faults whose name holds these words")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    kills, faults = (SHORT_KILLS, SHORT_FAULTS) if options.short else (KILLS, FAULTS)
    rows, good = [], True
    for name, place, where, scenario, times in plan(kills, faults):
        if options.only not in name:
            continue
        started = time.monotonic()
        try:
            found = play(where, scenario, times)
        except TimeoutError as error:
            print(f"{name}, {place}: {error}", file=sys.stderr, flush=True)
            rows.append((name, place, times, *["-"] * 8, time.monotonic() - started, "STUCK"))
            good = False
            continue
        good &= found.is_sound and (options.short or not found.is_late)
        word = "BAD" if not found.is_sound else "late" if found.is_late else "good"
        middle, worst = statistics.median(found.recoveries_s), max(found.recoveries_s)
        rows.append((name, place, times, found.jobs, found.lost, found.duplicates, found.orphans, found.unproved,
                     found.restarts, middle, worst, time.monotonic() - started, word))  # fmt: skip
        print(f"{name}, {place}: {word}, worst recovery {worst:.1f} s", file=sys.stderr, flush=True)
    print_table(f"recovery within {LEASE_S + SLACK_S:g} s (lease {LEASE_S:g} s)", COLUMNS, rows)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
