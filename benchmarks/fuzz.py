"""Damaged images through the decoder and through a whole worker: every file must end decoded or with a documented code.

usage: python benchmarks/fuzz.py [--files N] [--worker-files N] [--formats NAME ...] [--seed N] [--keep DIR] [--json]

Makes N mutated files of every allowed format (bits flipped, cut, spliced, headers edited, parts moved and multiplied),
decodes each as the pipeline does, in a process that dies of a file that takes too long, and runs some of them as jobs.
Exits with 1 if any file ends otherwise than documented, and keeps those in DIR.
"""

import argparse
import json
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from fuzz_corpus import mutated
from PIL import Image
from sqlalchemy import select
from throughput import untrained_bundle

from classifier.errors import AssetError
from classifier.images.decode import decode
from classifier.images.opening import ALLOWED_FORMATS
from classifier.images.tensors import square_pixels
from taxonomy import Node, Taxonomy
from worker.cli.output import print_table
from worker.db.engine import Database
from worker.db.tables import JobRow
from worker.jobs.submission import Request, submit
from worker.models.registration import add_bundle
from worker.process.bootstrap import bootstrap
from worker.process.service import run_worker
from worker.settings import Settings

Decoder = Callable[[bytes, str, int], Image.Image]  # as classifier.images.decode.decode; importable by its name

DECODED = "decoded"
DOCUMENTED = (DECODED, "unreadable_image", "unsupported_format", "image_too_large")
UNHANDLED = "unhandled"
_SIZE_PX = 224
_BATCH = 100
_MAX_S = 20  # for one file
_MAX_EXTRA_BYTES = 2 * 2**30


def outcome(decoder: Decoder, content: bytes) -> str:
    """How the pipeline's decoding of a file ends."""
    try:
        square_pixels(decoder(content, "fuzzed", _SIZE_PX), _SIZE_PX)
    except AssetError as error:
        return error.code
    except Exception as error:  # noqa: BLE001 (each driver raises errors of its own)
        return f"{UNHANDLED}: {type(error).__name__}: {error}"
    return DECODED


def prepare_process() -> None:
    """Cap the memory of a decoding process above what it begins with, and silence it."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + _MAX_EXTRA_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # libtiff prints what it thinks of each file


def outcomes(decoder: Decoder, contents: Sequence[bytes]) -> list[str]:
    """How each file ends; the process dies of a file that takes too long."""
    found = []
    for content in contents:
        signal.alarm(_MAX_S)
        found.append(outcome(decoder, content))
    signal.alarm(0)
    return found


class Decoding:
    """A process that decodes, replaced when a file kills it."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._pool = self._start()

    def outcomes(self, contents: Sequence[bytes]) -> list[str]:
        """How each file ends; one that kills the process is found by decoding its neighbours alone."""
        try:
            return self._pool.submit(outcomes, self._decoder, contents).result()
        except BrokenProcessPool:
            self._pool = self._start()
            if len(contents) == 1:
                return [f"{UNHANDLED}: killed the process"]
            return [found for content in contents for found in self.outcomes([content])]

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=get_context("fork"), initializer=prepare_process)


def decode_all(corpus: dict[str, list[bytes]], decoder: Decoder) -> dict[str, list[str]]:
    """The outcomes of every format."""
    decoding = Decoding(decoder)
    found = {
        image_format: [
            end for start in range(0, len(files), _BATCH) for end in decoding.outcomes(files[start : start + _BATCH])
        ]
        for image_format, files in corpus.items()
    }
    decoding.close()
    return found


def work_all(files: Sequence[bytes]) -> list[str]:
    """How the jobs of the files end in a worker on the embedded default."""
    with TemporaryDirectory() as work:
        folder = Path(work)
        taxonomy = Taxonomy([Node("a", "A"), Node("b", "B"), Node("c", "C", ("b",))])
        services = bootstrap(_upgraded(Settings(database_url=f"sqlite:///{folder}/cladist.db", poll_s=0.02)))
        add_bundle(services.database, untrained_bundle(folder / "bundle", "test_resnet", taxonomy, 64).folder)
        for number, content in enumerate(files):
            (folder / f"{number}.jpg").write_bytes(content)
        requests = [Request((folder / f"{number}.jpg").as_uri()) for number in range(len(files))]
        ids = [job_id for chunk in submit(services.database, requests) for job_id in chunk]
        run_worker(services, drain=True)
        with services.database.read() as session:
            rows = {row.id: row for row in session.scalars(select(JobRow))}
        services.database.close()
    ends = {job_id: DECODED if row.status == "succeeded" else row.code or row.status for job_id, row in rows.items()}
    return [ends[job_id] for job_id in ids]


def _upgraded(settings: Settings) -> Settings:
    database = Database(settings.database_url)
    database.upgrade()
    database.close()
    return settings


def table(found: dict[str, list[str]]) -> list[list[object]]:
    """A row for each format: how many ended how."""
    rows = []
    for name, ends in found.items():
        counted = Counter(end if end in DOCUMENTED else UNHANDLED for end in ends)
        rows.append([name, len(ends), *(counted[column] for column in (*DOCUMENTED, UNHANDLED))])
    return rows


def keep_unhandled(found: dict[str, list[str]], corpus: dict[str, list[bytes]], folder: Path) -> list[str]:
    """Write the files that ended otherwise than documented, and say how they did."""
    lines = []
    for name, ends in found.items():
        for number, end in enumerate(ends):
            if end not in DOCUMENTED:
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / f"{name.lower().replace(' ', '-')}-{number}"
                path.write_bytes(corpus[name][number])
                lines.append(f"{path}: {end}")
    return lines


def main(decoder: Decoder = decode) -> None:
    """Make, run and print; exits with 0, or with 1 for a file that ended otherwise than documented."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="of each format")
    parser.add_argument("--worker-files", type=int, default=48)
    parser.add_argument("--formats", nargs="+", choices=ALLOWED_FORMATS, default=ALLOWED_FORMATS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("benchmarks/out/fuzz"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    started = time.perf_counter()
    corpus = {name: list(mutated(name, options.files, options.seed)) for name in options.formats}
    found = decode_all(corpus, decoder)
    some = [files[number] for number in range(options.files) for files in corpus.values()][: options.worker_files]
    if some:
        corpus["whole worker"], found["whole worker"] = some, work_all(some)
    columns = ("format", "files", *DOCUMENTED, UNHANDLED)
    if options.json:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in table(found)]))
    else:
        print_table(f"seed {options.seed}, {time.perf_counter() - started:.0f} s", columns, table(found))
    unhandled = keep_unhandled(found, corpus, options.keep)
    print(*unhandled, sep="\n", end="\n" if unhandled else "", file=sys.stderr)
    sys.exit(bool(unhandled))


if __name__ == "__main__":
    main()
