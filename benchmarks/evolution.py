"""A bundle meets a new release of its taxonomy: accuracy before, after without training, and after one epoch.

usage: python benchmarks/evolution.py --labels LABELS.CSV [--bundle BUNDLE] [--epochs N] [--json]

Two inner nodes are renamed, two sibling leaves merged, the leaf with the most training images is split (every other
image goes to the second part), and one leaf moves under another parent. Without a bundle one is trained first.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from classifier.bundles.bundle import Bundle, read_bundle
from classifier.config import TrainingConfig
from classifier.data.manifest import Manifest, Sample, read_manifest
from classifier.training.train import evaluate_bundle, train_bundle
from taxonomy import Node, Taxonomy, read_taxonomy
from taxonomy.changes.diff import ChangeKind, diff
from taxonomy.changes.mapping import NodeMapping
from worker.cli.output import print_table
from worker.cli.progress import progress_bars


def next_release(taxonomy: Taxonomy, counts: Counter[str]) -> tuple[Taxonomy, NodeMapping]:
    """The changed taxonomy, and the mapping that says what merged and split."""
    leaves = {node.id for node in taxonomy.leaves}
    split = max(leaves, key=lambda node_id: (counts[node_id], node_id))
    families = [[child for child in taxonomy.children(node.id) if child.id in leaves - {split}] for node in taxonomy]
    first, second, *_ = next(family for family in families if len(family) > 1)
    moved = next(n for n in taxonomy.leaves if n.parents and n.id not in (split, first.id, second.id))
    elsewhere = next(root for root in reversed(taxonomy.roots) if root.id != taxonomy.path(moved.id)[0].id)
    renamed = [node.id for node in taxonomy if node.id not in leaves][:2]
    nodes = [Node("merged", f"{first.name} and {second.name}", first.parents)]
    nodes += [
        Node(f"{split} {part}", f"{taxonomy[split].name} {part}", taxonomy[split].parents) for part in ("I", "II")
    ]
    for node in taxonomy:
        if node.id in (first.id, second.id, split):
            continue
        name = f"{node.name} (renamed)" if node.id in renamed else node.name
        nodes.append(replace(node, name=name, parents=(elsewhere.id,) if node.id == moved.id else node.parents))
    targets = {first.id: ("merged",), second.id: ("merged",), split: (f"{split} I", f"{split} II")}
    return Taxonomy(nodes, "next release"), NodeMapping(targets)


def relabel(samples: Sequence[Sample], mapping: NodeMapping) -> tuple[Sample, ...]:
    """The samples in the next release; of a split node every other one goes to the second part."""
    seen: Counter[str] = Counter()
    moved = []
    for sample in samples:
        parts = mapping.targets.get(sample.node_id, (sample.node_id,))
        moved.append(replace(sample, node_ids=(parts[seen[sample.node_id] % len(parts)],)))
        seen[sample.node_id] += 1
    return tuple(moved)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Train where needed, and evaluate all four."""
    taxonomy = read_taxonomy(options.labels)
    manifest = read_manifest(options.labels, taxonomy)
    recipe = TrainingConfig.fast().changed({"epochs": options.epochs})
    counts = Counter(sample.node_id for sample in manifest.split("train"))
    after, mapping = next_release(taxonomy, counts)
    difference = diff(taxonomy, after, mapping)
    changed = Manifest(manifest.source, relabel(manifest.samples, mapping))
    with TemporaryDirectory() as work, progress_bars() as progress:
        folder = Path(work)
        old: Bundle = (read_bundle(options.bundle) if options.bundle
                       else train_bundle(manifest, taxonomy, folder / "old", recipe, progress=progress))  # fmt: skip
        once = old.info.training.changed({"epochs": 1, "plain_tail_fraction": 1.0})
        gentle = once.from_weights().changed({"warm_start": old.model})
        start = (old, difference)
        warm = train_bundle(changed, after, folder / "warm", gentle, start=start, progress=progress)
        cold = train_bundle(changed, after, folder / "cold", once, progress=progress)
        return {
            "changes": {kind.value: difference.counts[kind] for kind in ChangeKind},
            "before": evaluate_bundle(old, manifest.split("test"), progress).as_dict(),
            "after, untrained": evaluate_bundle(old, changed.split("test"), progress, difference).as_dict(),
            "after one epoch, warm": evaluate_bundle(warm, changed.split("test"), progress).as_dict(),
            "after one epoch, from scratch": evaluate_bundle(cold, changed.split("test"), progress).as_dict(),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--epochs", type=int, default=TrainingConfig.fast().epochs)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    result = measure(options)
    if options.json:
        print(json.dumps(result))
        return
    rows = [
        (name, each["full_path_accuracy"], *(level["top1"] for level in each["levels"]), each["hierarchical_f1"])
        for name, each in result.items()
        if name != "changes"
    ]
    print_table(str(result["changes"]), ("state", "full path", "level 1", "level 2", "level 3", "F1"), rows)


if __name__ == "__main__":
    main()
