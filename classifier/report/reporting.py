"""From a bundle and its labels to a report."""

from pathlib import Path
from typing import Any

import numpy as np

from classifier.bundle import Bundle
from classifier.evaluation import evaluate
from classifier.manifest import Manifest, label_positions
from classifier.model import open_model
from classifier.progress import Progress, silent
from classifier.report.page import Subject
from classifier.report.writing import Evaluated, write_report


def evaluate_with_report(
    folder: Path,
    bundle: Bundle,
    manifest: Manifest,
    split: str,
    against: Bundle | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """The metrics of a bundle on one split; its report lies in `folder` then, with `against` in the same picture.

    Raises ManifestError on an empty split, ReleaseMismatchError when the other bundle has another taxonomy release, and
    ReportError when the folder cannot be written.
    """
    samples = manifest.split(split)
    if against is not None:
        against.require_release(bundle.info.release, str(bundle.folder))
    climbs = open_model(bundle).climbs(samples, bundle.calibration, progress)
    train = label_positions(manifest.split("train"), bundle.hierarchy) if manifest.has_split("train") else None
    evaluated = Evaluated(
        Subject(bundle.model, str(bundle.folder), bundle.info.release, manifest.source, split),
        samples,
        climbs,
        bundle.calibration,
        None if train is None else np.array(train, dtype=np.int64),
    )
    others = None
    if against is not None:
        found = open_model(against).climbs(samples, against.calibration, progress, "against")
        others = (f"bundle {against.folder.name} ({against.model})", found)
    write_report(folder, evaluated, others)
    return evaluate(climbs, bundle.calibration)
