"""Feature tables for hierarchical multi-label classification: micro AU(PRC) of every set in a folder.

usage: python benchmarks/hmc --data DIR [--json] [--seeds 3] [--threads 1]

A set is the ARFF files NAME.train.arff, NAME.test.arff and, where there is one, NAME.valid.arff, plain or gzipped, in
DIR or any folder below it; `_` or `-` may join NAME and part, files without a NAME take their folder's, and
`trainvalid` stands in for a missing train part. `seconds` is the mean time of one seed: choosing the recipe, training
and predicting. A set that cannot be used is named on standard error and left out; the exit code is then 2.
"""

import argparse
import json
import re
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arff import Table, read_arff
from features import require_same_columns
from sklearn.metrics import average_precision_score
from tables import TableConfig, TableModel, train_table

from classifier.outputs.sigmoid_max import closed_targets
from taxonomy import CladistError, Hierarchy
from worker.cli.output import print_table
from worker.cli.progress import progress_bars

FILE = re.compile(r"(?P<name>.*?)[._-]?(?P<part>train|trainvalid|valid|val|test)\.arff(\.gz)?", re.IGNORECASE)
PARTS = {"trainvalid": "train", "val": "valid"}  # else as it is written
NOT_COUNTED = ("root", "GO0003674", "GO0005575", "GO0008150")
PUBLISHED = {"cellcycle_FUN": 0.255, "cellcycle_GO": 0.413, "imclef07d": 0.927}  # C-HMCNN, NeurIPS 2020; only shown
COLUMNS = ("set", "rows", "features", "nodes", "AU(PRC)", "spread", "published", "dropout", "epochs", "seconds",
           "CPU s")  # fmt: skip


def find_sets(folder: Path) -> dict[str, dict[str, Path]]:
    """Set name -> part -> file; a name that two folders share is told apart by them. Raises CladistError on none."""
    if not folder.is_dir():
        raise CladistError("no such folder", source=folder)
    found: dict[tuple[Path, str], dict[str, Path]] = defaultdict(dict)
    for path in sorted(folder.rglob("*")):
        matched = FILE.fullmatch(path.name)
        if matched and path.is_file():
            part = matched["part"].lower()
            found[path.parent, matched["name"] or path.parent.name].setdefault(PARTS.get(part, part), path)
    if not found:
        raise CladistError("no file NAME.train.arff or NAME.test.arff", source=folder)
    shared = Counter(name for _, name in found)
    return {
        name if shared[name] == 1 else str(parent.relative_to(folder) / name): parts
        for (parent, name), parts in found.items()
    }


def measure(parts: Mapping[str, Path], seeds: int) -> dict[str, object]:
    """Train and test one set with each seed. Raises CladistError on one that cannot be used."""
    missing = {"train", "test"} - parts.keys()
    if missing:
        raise CladistError(f"the set has no {min(missing)} file", source=next(iter(parts.values())))
    train, test = read_arff(parts["train"]), read_arff(parts["test"])
    valid = read_arff(parts["valid"]) if "valid" in parts else None
    require_same_columns(test, train)
    scores, seconds, cpu_seconds, models = [], [], [], []
    for seed in range(seeds):
        with progress_bars() as progress:
            started, cpu_started = time.monotonic(), time.process_time()
            model = train_table(train, valid, TableConfig(seed=seed), progress)
            score = micro_auprc(model, test)
        seconds.append(time.monotonic() - started)
        cpu_seconds.append(time.process_time() - cpu_started)
        scores.append(score)
        models.append(model)
        line = f"seed {seed}: AU(PRC) {score:.4f}, dropout {model.dropout}, {model.epochs} epochs, {seconds[-1]:.0f} s"
        print(f"{train.source}: {line}, {cpu_seconds[-1]:.0f} s of CPU", file=sys.stderr, flush=True)
    return {
        "auprc": statistics.fmean(scores),
        "seeds": seeds,
        "seconds": statistics.fmean(seconds),
        "cpu_seconds": statistics.fmean(cpu_seconds),
        "auprc_by_seed": scores,
        "auprc_spread": statistics.stdev(scores) if seeds > 1 else 0.0,
        "rows": {"train": len(train), "valid": len(valid) if valid else 0, "test": len(test)},
        "features": len(train.columns),
        "nodes": len(train.taxonomy),
        "dropouts": [model.dropout for model in models],
        "epochs": [model.epochs for model in models],
    }


def micro_auprc(model: TableModel, test: Table) -> float:
    """Micro average precision over the test rows and the nodes that count. Raises CladistError on incoherence."""
    hierarchy: Hierarchy = model.hierarchy
    probs = model.predict(test)
    if (probs[:, hierarchy.edges[:, 1]] > probs[:, hierarchy.edges[:, 0]]).any():
        raise CladistError("a node is more probable than a parent of it", source=test.source)
    counted = np.array([node_id not in NOT_COUNTED for node_id in hierarchy.node_ids])
    targets = closed_targets(test.labels, hierarchy).toarray()
    return float(average_precision_score(targets[:, counted], probs[:, counted], average="micro"))


def row(name: str, result: dict[str, Any]) -> list[object]:
    """One line of the table."""
    dropouts, epochs = (sorted(set(result[key])) for key in ("dropouts", "epochs"))
    return [name, sum(result["rows"].values()), result["features"], result["nodes"], result["auprc"],
            result["auprc_spread"], PUBLISHED.get(name, "-"), " ".join(map(str, dropouts)), " ".join(map(str, epochs)),
            result["seconds"], result["cpu_seconds"]]  # fmt: skip


def main() -> int:
    """Measure and print; 2 when a set could not be used."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error("--seeds must be at least 1")
    torch.set_num_threads(options.threads)
    results, refused = {}, False
    try:
        for name, parts in find_sets(options.data).items():
            try:
                results[name] = measure(parts, options.seeds)
            except CladistError as error:
                refused = True
                print(error, file=sys.stderr)
    except CladistError as error:
        parser.error(str(error))
    if options.json:
        print(json.dumps(results, indent=1))
    else:
        print_table(f"{options.data}, {options.seeds} seeds", COLUMNS, [row(*item) for item in results.items()])
    return 2 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
