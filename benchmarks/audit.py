"""Records/s of writing to the audit, of linking and of verifying it, on SQLite and on PostgreSQL; all on one core.

usage: python benchmarks/audit.py [--database-url URL] [--records N] [--json]

Writing: `append` of 64 routing records in a transaction of their own, as a worker stores a batch; beside it the time
that `append` itself took for each record. Linking and verifying: all of them, in two chains. The database of a server
is made for the run and dropped; the server's process takes a core beside ours where there is one.
"""

import argparse
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

from databases import fresh_database

from worker.audit.chain import Linker
from worker.audit.records import RoutingRecord, append, content_of
from worker.audit.verify import verify_chains
from worker.cli.output import print_table
from worker.db.engine import Database
from worker.states import Action

COLUMNS = ("database", "records", "written/s", "append us each", "linked/s", "verified/s", "of them CPU")
BATCH = 64
TENANTS = (1, 2)


def records(count: int) -> Iterator[list[RoutingRecord]]:
    """Batches of records like those of a worker."""
    at = datetime.now(UTC)
    digest = sha256(b"some document").hexdigest()
    for start in range(0, count, BATCH):
        yield [
            RoutingRecord(
                at=at,
                tenant=TENANTS[number % len(TENANTS)],
                job=number,
                asset_sha256=sha256(str(number).encode()).hexdigest(),
                action=Action.REVIEW,
                review_queue="weapons",
                content_sha256=digest,
                model="resnet50.a1_in1k@0123456789abcdef",
                release=digest,
                policy="moderation",
                policy_version=7,
                policy_sha256=digest,
                rule="weapons go to specialists",
                node="aa-3-14-2",
                level=4,
                confidence=0.123456789 + number / 10_000_000,
            )
            for number in range(start, min(start + BATCH, count))
        ]


def measure(name: str, url: str, count: int) -> dict[str, object]:
    """All three on one database."""
    database = Database(url)
    database.upgrade()
    batches = list(records(count))
    appended = 0.0
    started = time.perf_counter()
    for batch in batches:
        with database.write() as tx:
            tx.connection()
            began = time.perf_counter()
            append(tx, batch)
            appended += time.perf_counter() - began
    written_s = time.perf_counter() - started
    started = time.perf_counter()
    linker = Linker(database)
    while linker.link():
        pass
    linked_s = time.perf_counter() - started
    started, cpu = time.perf_counter(), time.process_time()
    chains = list(verify_chains(database))
    verified_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    database.close()
    if any(chain.broken for chain in chains) or sum(chain.records for chain in chains) != count:
        raise SystemExit(f"not verified: {chains}")
    return {"database": name, "records": count, "written_per_s": count / written_s, "append_us": 1e6 * appended / count,
            "linked_per_s": count / linked_s, "verified_per_s": count / verified_s,
            "verify_cpu_share": cpu_s / verified_s}  # fmt: skip


def content_us(count: int = 20_000) -> float:
    """Microseconds of CPU that the content of one record takes, with its hash."""
    (batch,) = list(records(BATCH))
    started = time.thread_time()
    for number in range(count):
        sha256(content_of(batch[number % BATCH]).encode()).hexdigest()
    return 1e6 * (time.thread_time() - started) / count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url", default=None, help="a PostgreSQL server to measure as well")
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for name, server in (("SQLite", None), ("PostgreSQL", options.database_url)):
        if name == "SQLite" or server:
            with fresh_database(server) as url:
                rows.append(measure(name, url, options.records))
    found = {"content_us": content_us(), "databases": rows}
    if options.json:
        print(json.dumps(found))
    else:
        print_table("audit", COLUMNS, [list(row.values()) for row in rows])
        print(f"content and hash of a record: {found['content_us']:.1f} us of CPU")


if __name__ == "__main__":
    main()
