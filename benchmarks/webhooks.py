"""Deliveries/s of one worker to one local receiver, on SQLite and on PostgreSQL: given out, signed, sent, written down.

usage: python benchmarks/webhooks.py [--database-url URL] [--events N] [--parallel N] [--json]

The receiver is a process of its own, a bare asyncio server that answers 200 to everything and shares our cores. Events
are the ends of batches. CPU: of the sender alone, without the receiver and the server of the database, which is made
for the run and dropped.
"""

import argparse
import asyncio
import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from multiprocessing.connection import Connection

from databases import fresh_database
from sqlalchemy import func, select

from worker.cli.output import print_table
from worker.db.engine import Database
from worker.db.tables import DeliveryRow
from worker.events.outbox import Event, record_events
from worker.settings import Settings
from worker.states import DeliveryStatus, EventKind
from worker.supervision.pulses import Pulse
from worker.webhooks.endpoints import Wanted, add_webhook
from worker.webhooks.fan_out import FanOut
from worker.webhooks.sender import Sender

COLUMNS = ("database", "events", "given out/s", "delivered/s", "CPU us each", "received")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
PAGE = 500


def receive(pipe: Connection) -> None:
    """Answer 200 to everything until the pipe says otherwise; then say how many there were."""
    count = 0

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
                count += 1
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(visit, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(pipe.recv)
        pipe.send(count)

    asyncio.run(serve())


@contextmanager
def receiver() -> Iterator[tuple[int, Connection]]:
    """The port of a receiver, and the pipe that ends it."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=receive, args=(theirs,), daemon=True)
    process.start()
    yield ours.recv(), ours
    process.terminate()
    process.join()


def measure(name: str, url: str, count: int, parallel: int) -> dict[str, object]:
    """Both on one database."""
    settings = Settings(database_url=url, webhook_parallel=parallel).model_copy(
        update={"webhook_networks": (ip_network("127.0.0.1/32"),)}
    )
    database = Database(url)
    database.upgrade()
    with receiver() as (port, pipe):
        with database.write() as tx:
            add_webhook(tx, f"http://127.0.0.1:{port}/", "default", Wanted(), settings)
        for start in range(0, count, PAGE):
            with database.write() as tx:
                record_events(tx, [Event(EventKind.BATCH_FINISHED, 1) for _ in range(min(PAGE, count - start))])
        wake, stop = threading.Event(), threading.Event()
        began = time.perf_counter()
        FanOut(database, "benchmark", 60.0, wake).turn(Pulse("fan-out", 60.0), stop)
        given_s = time.perf_counter() - began
        sender = Sender(database, settings, wake)
        began, cpu = time.perf_counter(), time.process_time()
        while not is_done(database, sender):
            sender.turn()
            wake.wait(0.05)
            wake.clear()
        sent_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
        sender.close(10.0)
        pipe.send("end")
        received = pipe.recv()
    with database.read() as tx:
        query = select(func.count()).select_from(DeliveryRow).where(DeliveryRow.status == DeliveryStatus.DELIVERED)
        delivered = tx.scalar(query)
    database.close()
    if delivered != count:
        raise SystemExit(f"{delivered} of {count} delivered")
    return {"database": name, "events": count, "given_per_s": count / given_s, "delivered_per_s": count / sent_s,
            "cpu_us": 1e6 * cpu_s / count, "received": received}  # fmt: skip


def is_done(database: Database, sender: Sender) -> bool:
    """Whether nothing is open any more."""
    if sender.is_running():
        return False
    with database.read() as tx:
        return tx.scalar(select(DeliveryRow.id).where(DeliveryRow.due_at.is_not(None)).limit(1)) is None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url", default=None, help="a PostgreSQL server to measure as well")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--parallel", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for name, server in (("SQLite", None), ("PostgreSQL", options.database_url)):
        if name == "SQLite" or server:
            with fresh_database(server) as url:
                rows.append(measure(name, url, options.events, options.parallel))
    if options.json:
        print(json.dumps(rows))
    else:
        print_table("webhooks", COLUMNS, [list(row.values()) for row in rows])


if __name__ == "__main__":
    main()
