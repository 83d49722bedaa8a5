"""Images/s of the whole pipeline (queue, fetch, decode, predict, decide, store) against bare decode + forward.

usage: python benchmarks/throughput.py --labels LABELS.CSV [--backbones NAME ...] [--images N] [--rounds N]

Both sides run in this process with as many threads, on the same images, one after the other in every round; the ratio
is taken round by round. The pipeline is measured in full run, from the commit of its first --warm images to that of its
last; what it takes until the first of them is the start: the bundle is loaded and its batch size measured, once in the
life of a worker. Without the two URLs it is the embedded default: SQLite, in-process broker. On a server a database is
made for each backbone and dropped.
"""

import argparse
import json
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from databases import fresh_database
from sqlalchemy import select

from classifier.bundles.bundle import Bundle, make_net
from classifier.bundles.calibration import Calibration
from classifier.bundles.info import BundleInfo
from classifier.bundles.writing import write_bundle
from classifier.config import TrainingConfig
from classifier.data.manifest import read_manifest
from classifier.images.decode import read_image_file
from classifier.images.tensors import stacked
from classifier.inference.predictor import Predictor
from classifier.networks.backbone import make_backbone
from taxonomy import Hierarchy, Taxonomy, read_taxonomy
from worker.cli.output import print_table
from worker.db.engine import Database
from worker.db.tables import JobRow
from worker.jobs.queries import open_jobs
from worker.jobs.submission import Request, submit
from worker.models.registration import add_bundle
from worker.pipeline.parallelism import set_up_process
from worker.process.bootstrap import bootstrap
from worker.process.service import run_worker
from worker.settings import EMBEDDED_BROKER, Settings

COLUMNS = ("backbone", "images", "bare images/s", "pipeline images/s", "ratio", "lowest", "highest", "start s")


def untrained_bundle(folder: Path, backbone: str, taxonomy: Taxonomy, size_px: int) -> Bundle:
    """A whole bundle with fresh weights: its speed is that of a trained one."""
    features, hierarchy = make_backbone(backbone, pretrained=False), Hierarchy.compile(taxonomy)
    info = BundleInfo(backbone=backbone, image_size_px=size_px, mean=features.mean, std=features.std,
                      release=hierarchy.release, training=TrainingConfig(backbone=backbone), libraries={})  # fmt: skip
    calibration = Calibration(threshold=0.5, target_accuracy=0.9, samples=1, split="none")
    return write_bundle(folder, make_net(backbone, hierarchy), info, taxonomy, calibration)


def bare_seconds(predictor: Predictor, images: list[Path], batch_size: int) -> float:
    """Read, decode, forward; nothing else."""
    started = time.perf_counter()
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        predictor.probs(stacked([predictor.pixels(read_image_file(path), str(path)) for path in batch]))
    return time.perf_counter() - started


def pipeline_rate(settings: Settings, images: list[Path], warm: int) -> tuple[float, float]:
    """(images/s in full run, seconds from the start of the worker to its first commit); raises when a job is left."""
    services = bootstrap(settings)
    ids = [job for ids in submit(services.database, (Request(path.as_uri()) for path in images)) for job in ids]
    begun = datetime.now(UTC)
    run_worker(services, drain=True)
    if open_jobs(services.database):
        raise RuntimeError("the worker ended with open jobs")
    with services.database.read() as session:
        ended = select(JobRow.finished_at).where(JobRow.id >= min(ids)).order_by(JobRow.finished_at)
        commits = [commit for commit in session.scalars(ended) if commit is not None]
    services.close()
    first = commits[warm - 1]
    counted = sum(commit > first for commit in commits)  # a batch shares its commit
    return counted / (commits[-1] - first).total_seconds(), (commits[0] - begun).total_seconds()


def measure(backbone: str, images: list[Path], taxonomy: Taxonomy, options: argparse.Namespace) -> dict[str, object]:
    """All rounds of one backbone."""
    with TemporaryDirectory() as work, fresh_database(options.database_url) as url:
        bundle = untrained_bundle(Path(work) / "bundle", backbone, taxonomy, options.image_size)
        settings = Settings(database_url=url, broker_url=options.broker_url, torch_threads=options.threads,
                            batch_size=options.worker_batch_size, queue=f"throughput-{time.time_ns()}")  # fmt: skip
        database = Database(url)
        database.upgrade()
        add_bundle(database, bundle.folder)
        database.close()
        predictor = Predictor(bundle)
        bare_seconds(predictor, images[: options.batch_size], options.batch_size)
        rounds = []
        for _ in range(options.rounds):
            bare = len(images) / bare_seconds(predictor, images, options.batch_size)
            rounds.append((bare, *pipeline_rate(settings, images, options.warm)))
    ratios = [worker / bare for bare, worker, _ in rounds]
    return {
        "backbone": backbone,
        "images": len(images),
        "bare_images_per_s": statistics.median(bare for bare, _, _ in rounds),
        "pipeline_images_per_s": statistics.median(worker for _, worker, _ in rounds),
        "ratio": statistics.median(ratios),
        "lowest_ratio": min(ratios),
        "highest_ratio": max(ratios),
        "start_s": statistics.median(start for _, _, start in rounds),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--backbones", nargs="+", default=["mobilenetv3_small_100", "efficientnet_b0"])
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--warm", type=int, default=128)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=32, help="of the bare loop")
    parser.add_argument("--worker-batch-size", type=int, default=0, help="of the pipeline; 0: as it measures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--database-url")
    parser.add_argument("--broker-url", default=EMBEDDED_BROKER)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    set_up_process(Settings(torch_threads=options.threads))  # malloc too: both sides of the ratio have the same machine
    taxonomy = read_taxonomy(options.labels, "labels-csv")
    images = [sample.image for sample in read_manifest(options.labels, taxonomy).samples[: options.images]]
    results = [measure(backbone, images, taxonomy, options) for backbone in options.backbones]
    if options.json:
        print(json.dumps(results))
    else:
        where = options.database_url or "embedded default"
        print_table(f"{where}, {options.threads} threads", COLUMNS, [list(result.values()) for result in results])


if __name__ == "__main__":
    main()
