"""Decisions at target accuracies: calibrated on val and measured on test, and over random splits of test alone.

usage: python benchmarks/decisions.py BUNDLE --labels LABELS.CSV [--targets 0.9 0.95 0.99] [--splits 1000] [--out FILE]
                                      [--without-entropy]

The first table is what a user gets: thresholds from the val split, accuracy and coverage on the test split, for both
guarantees. Val and test may come from different sources, which no guarantee covers; so the second takes the test split
alone, calibrates on a random part of it as large as val, or half of it, and measures on the rest, many times over.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from classifier.bundles.bundle import read_bundle
from classifier.bundles.calibration import Calibration, Guarantee
from classifier.calibration.fit import fit_temperatures, with_thresholds
from classifier.calibration.options import CalibrationOptions
from classifier.calibration.out_of_distribution import fit_energy_check
from classifier.calibration.thresholds import threshold_for
from classifier.data.manifest import read_manifest
from classifier.evaluation.answers import climb_evidence
from classifier.evaluation.climbs import Climbs
from classifier.evaluation.labelled_run import Model, open_model
from classifier.evaluation.metrics import evaluate
from taxonomy.arrays import Floats
from worker.cli.output import print_table
from worker.cli.progress import progress_bars

GUARANTEES: tuple[Guarantee, ...] = ("decisions", "images")
COLUMNS = ("guarantee", "target", "threshold", "accuracy", "coverage", "mean level", "wrong of all")
SPLIT_COLUMNS = ("guarantee", "target", "splits", "accuracy", "of splits", "sd", "not wrong of all", "coverage",
                 "undecided splits")  # fmt: skip


def measured(val: Climbs, test: Climbs, fitted: Calibration, targets: list[float]) -> list[list[object]]:
    """Thresholds from val, figures from test."""
    rows: list[list[object]] = []
    for guarantee in GUARANTEES:
        for target in targets:
            found = with_thresholds(fitted, climb_evidence(val), CalibrationOptions(target, guarantee))
            metrics = evaluate(test, found).decision
            keys = ("threshold", "accuracy", "coverage", "mean_level", "wrong_fraction")
            rows.append([guarantee, target, *(getattr(metrics, key) for key in keys)])
    return rows


def resplit(test: Climbs, fitted: Calibration, targets: list[float], count: int, splits: int) -> list[list[object]]:
    """Over random splits of test: pooled accuracy, its mean and spread over splits, and coverage."""
    at_terminal = test.hierarchy.is_terminal[test.truth]
    known = ~fitted.alarms(test.energies, len(test.truth))[at_terminal]
    wrong, roots = test.wrong_probs() * known, test.root_probs() * known
    rows: list[list[object]] = []
    for guarantee in GUARANTEES:
        for target in targets:
            random = np.random.default_rng(0)
            found = np.array([one_split(wrong, roots, guarantee, target, count, random) for _ in range(splits)])
            decided, mistaken, size = found.T
            some = decided > 0
            accuracy = 1 - mistaken[some] / decided[some]
            rows.append([guarantee, target, splits, 1 - mistaken.sum() / max(1, decided.sum()),
                         accuracy.mean() if len(accuracy) else 0.0, accuracy.std() if len(accuracy) else 0.0,
                         1 - (mistaken / size).mean(), (decided / size).mean(), 1 - some.mean()])  # fmt: skip
    return rows


def one_split(
    wrong: Floats, roots: Floats, guarantee: Guarantee, target: float, count: int, random: np.random.Generator
) -> tuple[int, int, int]:
    """(decided, decided wrongly, all) of the samples that did not calibrate."""
    order = random.permutation(len(wrong))
    seen, fresh = order[:count], order[count:]
    threshold = threshold_for(guarantee, wrong[seen], roots[seen], target)
    decided = (roots[fresh] >= threshold) & (roots[fresh] > 0)
    mistaken = (wrong[fresh] >= threshold) & (wrong[fresh] > 0)
    return int(decided.sum()), int(mistaken.sum()), len(fresh)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--targets", type=float, nargs="+", default=[0.9, 0.95, 0.99])
    parser.add_argument("--splits", type=int, default=1000)
    parser.add_argument("--without-entropy", action="store_true", help="temperatures alone, to see what it does")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    bundle = read_bundle(options.bundle)
    manifest = read_manifest(options.labels, bundle.taxonomy)
    val, test = manifest.split("val"), manifest.split("test")
    model = open_model(bundle)
    assert isinstance(model, Model)
    with progress_bars() as progress:
        fitted = fit_temperatures(model, val, progress)
        if options.without_entropy:
            fitted = fitted.model_copy(update={"entropy": None})
        seen = model.climbs(val, fitted, progress, "val")
        climbs = model.climbs(test, fitted, progress, "test")
    if seen.energies is not None:
        fitted = fitted.model_copy(update={"energy": fit_energy_check(seen.energies)})
    found = measured(seen, climbs, fitted, options.targets)
    count = min(len(val), len(test) // 2)
    splits = resplit(climbs, fitted, options.targets, count, options.splits)
    levels = [(row.level, row.ece, row.ece_by_chance) for row in evaluate(climbs, fitted).levels]
    if options.out:
        tables = {"val_to_test": [dict(zip(COLUMNS, row, strict=True)) for row in found],
                  "resplit": [dict(zip(SPLIT_COLUMNS, row, strict=True)) for row in splits],
                  "ece": {level: error for level, error, _ in levels}}  # fmt: skip
        options.out.write_text(json.dumps(tables, indent=1), encoding="utf-8")
    print_table(f"calibrated on val ({len(val)}), measured on test ({len(test)})", COLUMNS, found)
    print_table(f"test split at random, {count} to calibrate", SPLIT_COLUMNS, splits)
    print_table("ECE on test", ("level", "ECE", "by chance"), levels)


if __name__ == "__main__":
    main()
