"""Memory of a worker over many images: resident bytes after the first 1,000 and after the last, and their ratio.

usage: python benchmarks/memory.py [--images N] [--backbone NAME] [--image-size PX] [--threads N] [--json]

The images are JPEGs of noise in many sizes, each under many names, as one asset each. The worker runs in this process,
on the embedded default (SQLite, in-process broker), set up as `cladist worker` is.
"""

import argparse
import json
import os
import resource
import time
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import func, select
from throughput import untrained_bundle

from taxonomy import Node, Taxonomy
from worker.db.engine import Database
from worker.db.tables import JobRow
from worker.jobs.submission import Request, submit
from worker.models.registration import add_bundle
from worker.pipeline.parallelism import set_up_process
from worker.process.bootstrap import Services, bootstrap
from worker.process.service import run_worker
from worker.settings import Settings
from worker.states import Status

FIRST = 1000
FILES = 200
SHORTEST_PX, LONGEST_PX = 32, 640


def resident_bytes() -> int:
    """The resident set of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def write_images(folder: Path, count: int) -> list[Path]:
    """So many names of FILES images."""
    rng = np.random.default_rng(0)
    files = []
    for number in range(FILES):
        height, width = rng.integers(SHORTEST_PX, LONGEST_PX, 2)
        files.append(folder / f"file-{number}.jpg")
        Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(files[-1], quality=30)
    names = []
    for number, file in enumerate(islice(cycle(files), count)):
        names.append(folder / f"asset-{number}.jpg")
        os.link(file, names[-1])
    return names


class Samples:
    """Resident bytes by images done, looked at now and then while the worker runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.rows: list[tuple[int, int]] = []

    def look(self) -> None:
        """Add a row for every thousand images."""
        with self._database.read() as session:
            query = select(func.count()).select_from(JobRow).where(JobRow.status == Status.SUCCEEDED)
            done = session.scalar(query) or 0
        if not self.rows or done // FIRST > self.rows[-1][0] // FIRST:
            self.rows.append((done, resident_bytes()))

    @property
    def first(self) -> tuple[int, int]:
        """The row of the first look after FIRST images."""
        return next(row for row in self.rows if row[0] >= FIRST)


def measure(services: Services, images: list[Path]) -> dict[str, Any]:
    """Run all images through one worker."""
    for _ in submit(services.database, (Request(path.as_uri()) for path in images)):
        pass
    samples = Samples(services.database)
    started = time.perf_counter()
    run_worker(services, drain=True, watch=samples.look)
    seconds = time.perf_counter() - started
    last = resident_bytes()
    done, first = samples.first
    return {
        "images": len(images),
        "images_per_s": len(images) / seconds,
        "first_at": done,
        "first_bytes": first,
        "last_bytes": last,
        "ratio": last / first,
        "largest_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "samples": samples.rows,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--backbone", default="mobilenetv3_small_100")
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.images <= FIRST:
        parser.error(f"--images must be more than {FIRST}")
    with TemporaryDirectory() as work:
        settings = Settings(database_url=f"sqlite:///{work}/cladist.db", torch_threads=options.threads)
        set_up_process(settings)
        taxonomy = Taxonomy([Node("a", "A"), Node("b", "B", ("a",)), Node("c", "C", ("a",)), Node("d", "D")])
        database = Database(settings.database_url)
        database.upgrade()
        add_bundle(
            database, untrained_bundle(Path(work) / "bundle", options.backbone, taxonomy, options.image_size).folder
        )
        database.close()
        services = bootstrap(settings)
        result = measure(services, write_images(Path(work), options.images))
        services.close()
    if options.json:
        print(json.dumps(result))
    else:
        print(
            f"{result['images']} images at {result['images_per_s']:.0f} images/s: "
            f"{result['first_bytes'] / 2**20:.0f} MiB resident after {result['first_at']}, "
            f"{result['last_bytes'] / 2**20:.0f} MiB at the end: ratio {result['ratio']:.3f}"
        )


if __name__ == "__main__":
    main()
