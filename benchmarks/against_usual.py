"""Images/s of Cladist against the usual design: one Celery task an image, torch eager, a commit an image.

usage: python benchmarks/against_usual.py --labels LABELS.CSV --database-url URL --broker-url URL
           [--backbones NAME ...] [--images N] [--processes N] [--threads N]
           [--usual-processes N] [--usual-threads N] [--rounds N] [--json]

Both run on the same PostgreSQL server and the same broker, on the same images and weights, with the same cores: the
usual design as --usual-processes of --usual-threads, Cladist as --processes of --threads. Their workers are started and
warmed up on other images first; then they take turns, and the time runs from the start of the submission to the last
commit. The usual design is usual_app.py.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from databases import fresh_database
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session
from throughput import untrained_bundle
from usual_app import Base, ImageRow, app, classify

from classifier.data.manifest import read_manifest
from taxonomy import Taxonomy, read_taxonomy
from worker.cli.output import print_table
from worker.db.engine import Database
from worker.jobs.queries import open_jobs
from worker.jobs.submission import Request, submit
from worker.models.registration import add_bundle

COLUMNS = ("backbone", "images", "usual images/s", "Cladist images/s", "ratio", "lowest", "highest")
PATIENCE_S = 300.0
POLL_S = 0.02


@contextmanager
def processes(command: list[str], count: int, env: dict[str, str], folder: Path) -> Iterator[None]:
    """So many of a command, stopped at the end."""
    with ExitStack() as stack:
        log = stack.enter_context((folder / "worker.log").open("ab"))
        found = [stack.enter_context(subprocess.Popen(command, env={**os.environ, **env}, stderr=log, stdout=log))
                 for _ in range(count)]  # fmt: skip
        try:
            yield
        finally:
            for process in found:
                process.terminate()


def wait_until(is_done: Callable[[], bool]) -> None:
    """Raises RuntimeError when it takes too long."""
    end = time.monotonic() + PATIENCE_S
    while not is_done():
        if time.monotonic() > end:
            raise RuntimeError(f"not done after {PATIENCE_S:.0f} s")
        time.sleep(POLL_S)


def cladist_seconds(database: Database, images: list[Path]) -> float:
    """From the submission to the last commit."""
    started = time.perf_counter()
    for _ in submit(database, (Request(path.as_uri()) for path in images)):
        pass
    wait_until(lambda: not open_jobs(database))
    return time.perf_counter() - started


def usual_seconds(url: str, queue: str, images: list[Path]) -> float:
    """Likewise."""
    engine = create_engine(url)
    started = time.perf_counter()
    with Session(engine) as session:
        for path in images:
            image = ImageRow(path=str(path))
            session.add(image)
            session.commit()
            classify.apply_async((image.id,), queue=queue)
    is_open = select(ImageRow.id).where(~ImageRow.is_done).limit(1)
    with Session(engine, autoflush=False) as session:
        wait_until(lambda: session.scalar(is_open) is None)
    seconds = time.perf_counter() - started
    engine.dispose()
    return seconds


def measure(backbone: str, images: list[Path], taxonomy: Taxonomy, options: argparse.Namespace) -> dict[str, object]:
    """All rounds of one backbone."""
    queue = f"usual-{time.time_ns()}"
    with ExitStack() as stack:
        work = Path(stack.enter_context(TemporaryDirectory()))
        url = stack.enter_context(fresh_database(options.database_url))
        bundle = untrained_bundle(work / "bundle", backbone, taxonomy, options.image_size)
        database = Database(url)
        database.upgrade()
        add_bundle(database, bundle.folder)
        engine = create_engine(url)
        Base.metadata.create_all(engine)
        engine.dispose()
        app.conf.update(broker_url=options.broker_url)
        threads, usual_threads = str(options.threads), str(options.usual_threads)
        ours = {"CLADIST_DATABASE_URL": url, "CLADIST_BROKER_URL": options.broker_url, "CLADIST_QUEUE": f"c{queue}",
                "CLADIST_TORCH_THREADS": threads, "OMP_NUM_THREADS": threads}  # fmt: skip
        theirs = {"USUAL_DATABASE_URL": url, "USUAL_BROKER_URL": options.broker_url, "USUAL_QUEUE": queue,
                  "USUAL_THREADS": usual_threads, "USUAL_BUNDLE": str(bundle.folder), "OMP_NUM_THREADS": usual_threads,
                  "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}  # fmt: skip
        cladist = [sys.executable, "-c", "from worker.cli.main import main; main()", "worker"]
        usual = [sys.executable, "-m", "celery", "-A", "usual_app", "worker",
                 "--concurrency", str(options.usual_processes), "-Q", queue]  # fmt: skip
        stack.enter_context(processes(cladist, options.processes, ours, work))
        stack.enter_context(processes(usual, 1, theirs, work))
        warm, timed = images[: options.warm], images[options.warm :]
        cladist_seconds(database, warm)
        usual_seconds(url, queue, warm)
        rounds = [(usual_seconds(url, queue, timed), cladist_seconds(database, timed)) for _ in range(options.rounds)]
        database.close()
    ratios = [theirs_s / ours_s for theirs_s, ours_s in rounds]
    return {
        "backbone": backbone,
        "images": len(timed),
        "usual_images_per_s": len(timed) / statistics.median(theirs_s for theirs_s, _ in rounds),
        "cladist_images_per_s": len(timed) / statistics.median(ours_s for _, ours_s in rounds),
        "ratio": statistics.median(ratios),
        "lowest_ratio": min(ratios),
        "highest_ratio": max(ratios),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--broker-url", required=True)
    parser.add_argument("--backbones", nargs="+", default=["mobilenetv3_small_100", "efficientnet_b0"])
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--warm", type=int, default=64)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--usual-processes", type=int, default=2, help="2 of 1 thread is its fastest on two cores")
    parser.add_argument("--usual-threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    taxonomy = read_taxonomy(options.labels, "labels-csv")
    samples = read_manifest(options.labels, taxonomy).samples[: options.images + options.warm]
    results = [measure(name, [s.image for s in samples], taxonomy, options) for name in options.backbones]
    if options.json:
        print(json.dumps(results))
    else:
        where = (f"usual: {options.usual_processes} processes of {options.usual_threads} threads, "
                 f"Cladist: {options.processes} of {options.threads}")  # fmt: skip
        print_table(where, COLUMNS, [list(result.values()) for result in results])


if __name__ == "__main__":
    main()
