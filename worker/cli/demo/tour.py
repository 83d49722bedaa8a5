"""The tour: train, calibrate, evaluate, migrate a database, route the test images through Celery, and show it all."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

import classifier
import worker
from classifier.config import TrainingConfig
from classifier.data.manifest import Manifest, Sample, read_manifest
from classifier.progress import Progress
from taxonomy import PATH_SEPARATOR, read_taxonomy
from worker.cli.output import print_metrics, print_table, print_text
from worker.cli.progress import progress_bars
from worker.db.engine import Database
from worker.db.tables import DecisionRow, JobRow
from worker.jobs.submission import Request, submit
from worker.settings import Settings
from worker.states import OPEN

# Figures are learned quickly and need no mixing of images: two cores take about three minutes.
FIGURES_CONFIG = TrainingConfig(
    backbone="test_resnet",
    epochs=22,
    image_size_px=64,
    start_size_px=64,
    test_scale=1.0,
    learning_rate=3e-3,
    weight_decay=0.05,
    cutmix_probability=0.0,
    mixup_probability=0.0,
    erasing_probability=0.0,
    label_smoothing=0.05,
    crop_min_area=0.7,
)
DATABASE = "cladist.db"
BUNDLE = "bundle"
_SHOWN = 4  # assets of each kind


@dataclass(frozen=True, slots=True)
class Routed:
    """One test image: its true path, and the prediction stored for it."""

    image: Path
    truth: str
    prediction: dict[str, Any]

    @property
    def decided(self) -> str:
        """The decided path, written out."""
        return PATH_SEPARATOR.join(self.prediction["decision"]["path"])

    @property
    def kind(self) -> str:
        """Whether the answer went all the way, stopped at an inner node, or was not given."""
        decision, levels = self.prediction["decision"], self.prediction["levels"]
        if decision["node"] is None:
            return "undecided"
        return "in full" if decision["node"] == levels[-1]["node"] else "stopped at an inner node"


def take_tour(labels: Path, images: Path | None, folder: Path, config: TrainingConfig) -> None:
    """Do the whole job on a labelled folder, leaving bundle and database in `folder`. Raises CladistError."""
    started = time.monotonic()
    taxonomy = read_taxonomy(labels, "labels-csv")
    manifest = read_manifest(labels, taxonomy, images)
    test = manifest.split("test")
    print_text(f"{labels}: {len(taxonomy)} nodes, {len(taxonomy.leaves)} leaves; {_splits(manifest)}", err=True)
    with progress_bars() as progress:
        bundle = classifier.train_bundle(manifest, taxonomy, folder / BUNDLE, config, progress=progress)
        metrics = classifier.evaluate_bundle(bundle, test, progress)
        database = _database(folder, bundle)
        ids = _route(database, folder, test, progress)
    print_text("")
    print_metrics(metrics.as_dict())
    routed = _routed(database, ids, test, bundle)
    _print_assets(routed)
    _print_stops(routed)
    _print_next(folder, routed, time.monotonic() - started)
    database.close()


def _splits(manifest: Manifest) -> str:
    counts = Counter(sample.split for sample in manifest.samples)
    return ", ".join(f"{counts[split]} images to {split}" for split in ("train", "val", "test") if counts[split])


def _database(folder: Path, bundle: "classifier.Bundle") -> Database:
    database = Database(f"sqlite:///{folder / DATABASE}")
    database.upgrade()
    worker.add_bundle(database, bundle.folder)
    return database


def _route(database: Database, folder: Path, test: tuple[Sample, ...], progress: Progress) -> list[int]:
    """Submit the test images and run a worker until none is open."""
    requests = (Request(sample.image.as_uri()) for sample in test)
    ids = [job_id for chunk in submit(database, requests) for job_id in chunk]

    def watch() -> None:
        with database.read() as session:
            still = session.scalar(select(func.count()).select_from(JobRow).where(JobRow.status.in_(sorted(OPEN))))
        progress("route", len(ids) - (still or 0), len(ids), "through Celery")

    settings = Settings(database_url=f"sqlite:///{folder / DATABASE}")
    services = worker.bootstrap(settings)
    worker.run_worker(services, drain=True, watch=watch)
    services.close()
    watch()
    return ids


def _routed(database: Database, ids: list[int], test: tuple[Sample, ...], bundle: "classifier.Bundle") -> list[Routed]:
    with database.read() as session:
        stored = {row.job_id: row.prediction for row in session.scalars(select(DecisionRow))}
    truths = {sample.node_id: bundle.taxonomy.path_text(sample.node_id) for sample in test}
    pairs = zip(ids, test, strict=True)
    return [
        Routed(sample.image, truths[sample.node_id], stored[job_id]) for job_id, sample in pairs if job_id in stored
    ]


def _print_assets(routed: list[Routed]) -> None:
    rows = []
    for kind in ("in full", "stopped at an inner node", "undecided"):
        for asset in _spread([asset for asset in routed if asset.kind == kind]):
            levels = asset.prediction["levels"]
            path = PATH_SEPARATOR.join(f"{label['name']} {label['confidence']:.2f}" for label in levels)
            right = ("yes" if asset.truth.startswith(asset.decided) else "NO") if asset.decided else "-"
            rows.append((asset.image.name, asset.truth, path, asset.decided or "-", right))
    print_text("")
    print_table("some assets", ("image", "truth", "best path and confidence", "decided", "right"), rows)


def _spread(assets: list[Routed]) -> list[Routed]:
    return assets[:: max(1, len(assets) // _SHOWN)][:_SHOWN]


def _print_stops(routed: list[Routed]) -> None:
    kinds = Counter(asset.kind for asset in routed)
    shares = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    print_text(f"\n{len(routed)} images routed: {shares}")
    stopped = [asset for asset in routed if asset.kind == "stopped at an inner node"]
    rows = []
    for decided, count in Counter(asset.decided for asset in stopped).most_common(2 * _SHOWN):
        here = [asset for asset in stopped if asset.decided == decided]
        right = sum(asset.truth.startswith(decided) for asset in here)
        rows.append((decided, count, right / count, here[0].prediction["decision"]["reason"].partition(": ")[2]))
    if rows:
        print_table("where answers stopped", ("inner node", "images", "right", "why"), rows)


def _print_next(folder: Path, routed: list[Routed], seconds: float) -> None:
    root = routed[0].prediction["levels"][0]["name"] if routed else "NODE"
    print_text(f"\nall of it took {seconds / 60:.1f} minutes; now try")
    print_text(f"  export CLADIST_DATABASE_URL=sqlite:///{folder / DATABASE}")
    print_text(f"  cladist labels --under '{root}' --min-confidence 0.9 --limit 5")
    print_text("  cladist jobs list --limit 5")
    print_text(f"  cladist predict {folder / BUNDLE} {routed[0].image if routed else 'IMAGE'}")
