"""Check a labels.csv: every row, every image, every node, and how far it is from production."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifier.bundles.bundle import Bundle
from classifier.data.manifest import SPLITS, Sample, inspect_manifest
from classifier.datacheck.balance import MIN_IMAGES, count_images, node_findings, split_findings
from classifier.datacheck.drift import drift_findings
from classifier.datacheck.duplicates import duplicate_findings
from classifier.datacheck.findings import Finding, counts, shortened
from classifier.datacheck.outlook import columns, outlook
from classifier.datacheck.pictures import STATISTICS, Pictures, survey
from classifier.datacheck.production import production_images
from classifier.errors import ContradictionError, ManifestError, MissingImageError, UnknownNodeError
from classifier.progress import Progress, silent
from taxonomy import Hierarchy, Taxonomy
from taxonomy.formats.doubts.notes import collect_notes

_HELD_OUT_FIRST = ("test", "val", "train")  # a model is not as sure of images that it was not trained on


@dataclass(frozen=True)
class Check:
    """Everything found; `images` counts the rows that are sound."""

    images: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that spoil training or its figures."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def as_dict(self, limit: int) -> dict[str, Any]:
        """Plain JSON values: at most `limit` findings of a kind, and the counts of all."""
        shown = [
            {"kind": finding.kind, "severity": finding.severity, "where": finding.where, "what": finding.what}
            for finding in shortened(self.findings, limit)
        ]
        return {"images": self.images, "counts": counts(self.findings), "findings": shown}


def check_labels(
    labels: Path,
    taxonomy: Taxonomy,
    *,
    against: Path | None = None,
    bundle: Bundle | None = None,
    min_images: int = MIN_IMAGES,
    multi_label: bool = False,
    progress: Progress = silent,
) -> Check:
    """Check the labels and every image they name; with `against` compare them to a production sample too.

    With `bundle`, the production sample is compared as that model sees it, besides. Raises ManifestError when the file
    itself cannot be read, and DataCheckError when the production sample holds nothing.
    """
    with collect_notes() as notes:
        manifest, errors = inspect_manifest(labels, taxonomy, multi_label=multi_label)
    production = production_images(against) if against else []
    samples, hierarchy = manifest.samples, Hierarchy.compile(taxonomy)
    findings = [_row_finding(error) for error in errors]
    findings += [Finding("labels_reading", "warning", manifest.source, text) for text in notes]
    findings += split_findings(manifest.source, samples)
    findings += node_findings(count_images(samples, hierarchy), min_images)
    pictures = survey([sample.image for sample in samples], progress)
    findings += _unreadable(samples, pictures)
    findings += duplicate_findings(samples, pictures)
    findings += _split_drift(samples, pictures)
    if against:
        findings += _production_drift(samples, pictures, production, str(against), progress)
        if bundle:
            findings += _model_drift(bundle, samples, production, str(against), progress)
    return Check(len(samples), tuple(findings))


def _row_finding(error: ManifestError) -> Finding:
    kinds = {UnknownNodeError: "unknown_node", MissingImageError: "missing_image", ContradictionError: "contradiction"}
    kind = kinds.get(type(error), "bad_row")
    return Finding(kind, "error", f"line {error.line}", error.message)


def _unreadable(samples: Sequence[Sample], pictures: Pictures) -> Iterator[Finding]:
    for row, message in pictures.errors.items():
        yield Finding("unreadable_image", "error", f"line {samples[row].line}", message)


def _split_drift(samples: Sequence[Sample], pictures: Pictures) -> Iterator[Finding]:
    by_split = _statistics_by_split(samples, pictures)
    for split in ("val", "test"):
        if split in by_split and "train" in by_split:
            yield from drift_findings(f"train against {split}", by_split["train"], by_split[split])


def _production_drift(
    samples: Sequence[Sample], pictures: Pictures, images: Sequence[Path], name: str, progress: Progress
) -> Iterator[Finding]:
    theirs = survey(images, progress, "against")
    if theirs.errors:
        first = next(iter(theirs.errors.values()))
        what = f"{len(theirs.errors)} of {len(images)} images are unreadable, the first: {first}"
        yield Finding("unreadable_production_image", "warning", name, what)
    for split, ours in _statistics_by_split(samples, pictures).items():
        yield from drift_findings(f"{split} against {name}", ours, _statistics(theirs.statistics))


def _model_drift(
    bundle: Bundle, samples: Sequence[Sample], images: Sequence[Path], name: str, progress: Progress
) -> Iterator[Finding]:
    known = {sample.split for sample in samples}
    for split in [split for split in _HELD_OUT_FIRST if split in known][:1]:
        ours = outlook(bundle, [sample.image for sample in samples if sample.split == split], progress, "predict")
        theirs = outlook(bundle, images, progress, "predict against")
        yield from drift_findings(f"{split} against {name}, as {bundle.model} sees them", *columns(ours, theirs))


def _statistics_by_split(samples: Sequence[Sample], pictures: Pictures) -> dict[str, dict[str, Any]]:
    split_of = np.array([sample.split for sample in samples])
    return {split: _statistics(pictures.statistics[split_of == split]) for split in SPLITS if (split_of == split).any()}


def _statistics(rows: Any) -> dict[str, Any]:
    return dict(zip(STATISTICS, np.asarray(rows).T, strict=True))
