"""From a bundle and its labels to a report."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from classifier.bundles.bundle import Bundle
from classifier.bundles.metrics import Metrics
from classifier.data.manifest import Manifest, Sample
from classifier.evaluation.labelled_run import open_model
from classifier.progress import Progress, silent
from classifier.report.page import Subject
from classifier.report.writing import Evaluated, write_report
from taxonomy import Hierarchy
from taxonomy.arrays import Ints


def evaluate_with_report(
    folder: Path,
    bundle: Bundle,
    manifest: Manifest,
    split: str,
    against: Bundle | None = None,
    progress: Progress = silent,
) -> Metrics:
    """Measure a bundle on one split and write the report into `folder`, with `against` in the same picture.

    Raises ManifestError on an empty split, ReleaseMismatchError when the other bundle has another taxonomy release, and
    ReportError when the folder cannot be written.
    """
    samples = manifest.split(split)
    if against is not None:
        against.require_release(bundle.info.release, str(bundle.folder))
    answers = open_model(bundle).answers(samples, bundle.calibration, progress)
    metrics = answers.metrics(bundle.calibration)
    train = _labels(manifest.split("train"), bundle.hierarchy) if manifest.has_split("train") else None
    evaluated = Evaluated(
        Subject(bundle.model, str(bundle.folder), bundle.info.release, manifest.source, split),
        samples,
        answers.climbs,
        metrics,
        train,
    )
    others = None
    if against is not None:
        found = open_model(against).climbs(samples, against.calibration, progress, "against")
        others = (f"bundle {against.folder.name} ({against.model})", found)
    write_report(folder, evaluated, others)
    return metrics


def _labels(samples: Sequence[Sample], hierarchy: Hierarchy) -> Ints:
    """The positions of all labels, one after the other."""
    return np.array([hierarchy.position(node) for sample in samples for node in sample.node_ids], dtype=np.int64)
