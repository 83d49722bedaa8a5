"""Accuracy on photographs: the path softmax beside a flat leaf softmax and independent level heads, trained alike.

usage: python benchmarks/accuracy.py --labels LABELS.CSV [--method M] [--seeds N] [--option NAME=VALUE ...] [--out FILE]
                                     [--keep DIR]

Minutes are of the clock; those of the processor are in the file. --keep writes the path softmax as bundles, for
benchmarks/decisions.py.
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from baselines import FLAT, INDEPENDENT, IndependentLevels

from classifier.bundles.writing import write_bundle
from classifier.calibration.fit import calibrate
from classifier.calibration.options import CalibrationOptions
from classifier.config import TrainingConfig
from classifier.data.manifest import Manifest, read_manifest
from classifier.evaluation.metrics import evaluate
from classifier.outputs.modes import SINGLE_LABEL
from classifier.training.train import bundle_info, train_model
from taxonomy import Hierarchy, Taxonomy, read_taxonomy
from worker.cli.output import print_table
from worker.cli.progress import progress_bars

METHODS = {"path": SINGLE_LABEL, "flat": FLAT, "independent": INDEPENDENT}
COLUMNS = ("method", "seed", "minutes", "full path", "level 1", "level 2", "level 3", "F1", "AP", "AC", "R@95",
           "distance", "contradictory")  # fmt: skip


def measure(
    name: str, manifest: Manifest, taxonomy: Taxonomy, config: TrainingConfig, keep: Path | None
) -> dict[str, object]:
    """Train one method from scratch and evaluate it on the test split."""
    hierarchy = Hierarchy.compile(taxonomy)
    train, val, test = (manifest.split(split) for split in ("train", "val", "test"))
    with TemporaryDirectory() as work, progress_bars() as progress:
        started, cpu_started = time.monotonic(), time.process_time()
        model, backbone = train_model(train, hierarchy, config, Path(work), baseline=METHODS[name], progress=progress)
        minutes, cpu_minutes = (time.monotonic() - started) / 60, (time.process_time() - cpu_started) / 60
        options = CalibrationOptions(config.target_accuracy)
        calibration = calibrate(model, val, "val", options, progress, need_threshold=False)
        if isinstance(model.output, IndependentLevels):
            model.output.contradictions = 0
        metrics = evaluate(model.climbs(test, calibration, progress), calibration)
    if keep and name == "path":
        info = bundle_info(config, backbone, hierarchy)
        write_bundle(keep / f"{name}-{config.seed}", model.net, info, taxonomy, calibration)
    contradictory = metrics.incoherent_fraction
    if isinstance(model.output, IndependentLevels):
        contradictory = model.output.contradictions / len(test)
    return {"method": name, "seed": config.seed, "train_minutes": minutes, "train_cpu_minutes": cpu_minutes,
            "contradictory_fraction": contradictory, "metrics": metrics.as_dict()}  # fmt: skip


def row(result: dict[str, Any]) -> list[object]:
    """One line of the table."""
    metrics = result["metrics"]
    tops = [level["top1"] for level in metrics["levels"]]
    curve = metrics["operating_curve"]
    return [result["method"], result["seed"], result["train_minutes"], metrics["full_path_accuracy"], *tops,
            metrics["hierarchical_f1"], curve["ap"], curve["ac"], curve["recall_at_95"],
            metrics["mean_hierarchical_distance"], result["contradictory_fraction"]]  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--method", choices=[*METHODS, "all"], default="all")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the training recipe")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    taxonomy = read_taxonomy(options.labels)
    manifest = read_manifest(options.labels, taxonomy)
    results = []
    recipe = dict(option.split("=", 1) for option in options.option)
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for name in METHODS if options.method == "all" else [options.method]:
            config = TrainingConfig().changed({**recipe, "seed": seed})
            results.append(measure(name, manifest, taxonomy, config, options.keep))
            if options.out:
                options.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print_table(f"{options.labels}, {options.threads} threads", COLUMNS, [row(result) for result in results])


if __name__ == "__main__":
    main()
