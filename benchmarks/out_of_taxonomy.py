"""What the energy check catches: train without a subtree, then show the model photographs of it.

usage: python benchmarks/out_of_taxonomy.py --labels LABELS.CSV [--held-out NODE ...] [--epochs N] [--limit N]

Each held-out node is left out of taxonomy, training and calibration with all that lies under it; without --held-out it
is each root's child with the most test images in turn. The limit of each score is fitted on known val images at
5 % false alarms; "caught" is the share of the held-out images beyond it, "false alarms" that of the known test images.
AUROC needs no limit. Beside the energy stand the largest terminal logit and the confidences of root and terminal.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from scipy.stats import rankdata

from classifier.calibration.out_of_distribution import DEFAULT_FALSE_ALARMS, fit_energy_check
from classifier.config import TrainingConfig
from classifier.data.manifest import SPLITS, Manifest, Sample, read_manifest
from classifier.evaluation.labelled_run import Model
from classifier.outputs.path_softmax import PathSoftmax
from classifier.training.train import train_model
from taxonomy import Hierarchy, Node, Taxonomy, read_taxonomy
from taxonomy.arrays import Floats
from worker.cli.output import print_table
from worker.cli.progress import progress_bars

COLUMNS = ("held out", "score", "known", "strange", "AUROC", "caught", "false alarms")


def under(taxonomy: Taxonomy, node_id: str) -> set[str]:
    """The node and all that lies under it."""
    found, left = set(), [taxonomy[node_id].id]
    while left:
        found.add(node := left.pop())
        left += [child.id for child in taxonomy.children(node) if child.id not in found]
    return found


def without(taxonomy: Taxonomy, removed: set[str]) -> Taxonomy:
    """The taxonomy without these nodes."""
    kept = (node for node in taxonomy if node.id not in removed)
    return Taxonomy(
        replace(node, parents=tuple(parent for parent in node.parents if parent not in removed)) for node in kept
    )


def biggest_children(taxonomy: Taxonomy, manifest: Manifest) -> list[str]:
    """Of each root with several children, the one with the most test images."""
    found = []
    for root in taxonomy.roots:
        children: Sequence[Node] = taxonomy.children(root.id)
        counts = [sum(s.node_id in under(taxonomy, child.id) for s in manifest.split("test")) for child in children]
        if len(children) > 1:
            found.append(children[int(np.argmax(counts))].id)
    return found


def thinned(samples: Sequence[Sample], limit: int) -> list[Sample]:
    """At most `limit` of the samples, evenly spread; 0 stands for all."""
    return list(samples[:: max(1, -(-len(samples) // limit))]) if limit else list(samples)


def scores(model: Model, samples: Sequence[Sample]) -> dict[str, Floats]:
    """(S,) of each score, larger for stranger images."""
    output = model.output
    if not isinstance(output, PathSoftmax):
        raise TypeError("energies need the path softmax")
    parts: list[list[Floats]] = [[], [], [], []]
    for logits, _ in model.logits(samples):
        nodes, best = output.predict(logits)
        roots = nodes[:, model.hierarchy.level_slices[0]].amax(dim=1)
        ends = nodes.gather(1, best[:, None])[:, 0]
        largest = output.terminal_logits(logits).amax(dim=1)
        for part, values in zip(parts, (output.energies(logits), -largest, -roots, -ends), strict=True):
            part.append(values.double().cpu().numpy())
    names = ("energy", "largest logit", "root confidence", "terminal confidence")
    return {name: np.concatenate(part) for name, part in zip(names, parts, strict=True)}


def auroc(known: Floats, strange: Floats) -> float:
    """The chance that a strange image scores above a known one, ties counting half."""
    ranks = rankdata(np.concatenate([known, strange]))[len(known) :]
    return float((ranks.sum() - len(strange) * (len(strange) + 1) / 2) / (len(known) * len(strange)))


def measure(
    held_out: str, taxonomy: Taxonomy, manifest: Manifest, config: TrainingConfig, limit: int
) -> list[list[object]]:
    """The rows of one held-out node."""
    removed = under(taxonomy, held_out)
    hierarchy = Hierarchy.compile(without(taxonomy, removed))
    known = {split: thinned([s for s in manifest.split(split) if s.node_id not in removed], limit) for split in SPLITS}
    strange = thinned([s for s in manifest.split("test") if s.node_id in removed], limit)
    with TemporaryDirectory() as work, progress_bars() as progress:
        model, _ = train_model(known["train"], hierarchy, config, Path(work), progress=progress)
    assert isinstance(model, Model)
    unlabelled = [replace(sample, node_ids=(hierarchy.node_ids[0],)) for sample in strange]  # their node is unknown now
    val, test, others = scores(model, known["val"]), scores(model, known["test"]), scores(model, unlabelled)
    rows: list[list[object]] = []
    for name in val:
        check = fit_energy_check(val[name], DEFAULT_FALSE_ALARMS)
        beyond = check.limit if check else np.inf
        rows.append([held_out, name, len(test[name]), len(others[name]), auroc(test[name], others[name]),
                     float((others[name] > beyond).mean()), float((test[name] > beyond).mean())])  # fmt: skip
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--held-out", nargs="+", default=[], metavar="NODE")
    parser.add_argument("--epochs", type=int, default=TrainingConfig().epochs)
    parser.add_argument("--image-size", type=int, default=TrainingConfig().image_size_px)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, default=0, help="images of a split at most, for a quick look")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    taxonomy = read_taxonomy(options.labels)
    manifest = read_manifest(options.labels, taxonomy)
    config = TrainingConfig(seed=options.seed, epochs=options.epochs, image_size_px=options.image_size)
    rows: list[list[object]] = []
    for node in options.held_out or biggest_children(taxonomy, manifest):
        rows += measure(node, taxonomy, manifest, config, options.limit)
        if options.out:
            options.out.write_text(json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in rows], indent=1))
    print_table(f"held-out subtrees of {options.labels}", COLUMNS, rows)


if __name__ == "__main__":
    main()
