"""How the labels are spread over splits and nodes: empty, single-sample, thin and unbalanced ones."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from classifier.data.class_balance import node_counts
from classifier.data.manifest import Sample, carried_nodes
from classifier.datacheck.findings import Finding
from taxonomy import Hierarchy
from taxonomy.arrays import Ints
from taxonomy.errors import some_of

MIN_IMAGES = 10  # training images of a terminal, below which it is called too fine for its data
_LOPSIDED = 20  # times as many images in the fullest node as in the median one of its level
_NAMED = 4
_WITHOUT = {
    "train": "no sample: there is nothing to train on",
    "val": "no sample: every tenth training image will be held out to calibrate on",
    "test": "no sample: nothing is left to measure the trained model on",
}


@dataclass(frozen=True, eq=False)
class Counts:
    """(N,) images at or below each node: of all splits, and of the training split alone."""

    hierarchy: Hierarchy
    images: Ints
    train: Ints


def count_images(samples: Sequence[Sample], hierarchy: Hierarchy) -> Counts:
    """Count the samples, at their nodes and above."""
    train = [sample for sample in samples if sample.split == "train"]
    return Counts(hierarchy, _totals(samples, hierarchy), _totals(train, hierarchy))


def split_findings(source: str, samples: Sequence[Sample]) -> Iterator[Finding]:
    """Empty splits, and labels that are all the same."""
    found = {sample.split for sample in samples}
    for split, what in _WITHOUT.items():
        if split not in found:
            yield Finding("empty_split", "error" if split == "train" else "warning", f"{source}: {split}", what)
    nodes = {sample.node_id for sample in samples}
    if len(nodes) == 1:
        what = f"all {len(samples)} samples are labelled {next(iter(nodes))!r}: there is nothing to tell apart"
        yield Finding("single_label", "error", source, what)


def node_findings(counts: Counts, min_images: int = MIN_IMAGES) -> Iterator[Finding]:
    """Nodes with no sample or only one, nodes too fine for their data, and unbalanced levels."""
    yield from _without_samples(counts)
    yield from _single_samples(counts)
    yield from _too_fine(counts, min_images)
    yield from _lopsided(counts)


def coarser_nodes(counts: Counts, min_images: int) -> dict[int, list[int]]:
    """Node -> the terminals of 1 to `min_images` - 1 training images for which it is the first above to have enough.

    "First" climbs from the terminal through the parent of the most training images. Terminals that nothing above has
    enough for stand under -1.
    """
    hierarchy, train = counts.hierarchy, counts.train
    found: dict[int, list[int]] = defaultdict(list)
    terminals = hierarchy.terminals
    for terminal in terminals[(train[terminals] > 0) & (train[terminals] < min_images)]:
        node = int(terminal)
        while node >= 0 and train[node] < min_images:
            above = hierarchy.parents[node]
            node = int(above[np.argmax(train[above])]) if len(above) else -1
        found[node].append(int(terminal))
    return dict(sorted(found.items()))


def _without_samples(counts: Counts) -> Iterator[Finding]:
    hierarchy = counts.hierarchy
    empty = counts.images == 0
    topmost = [node for node in np.flatnonzero(empty) if not any(empty[parent] for parent in hierarchy.parents[node])]
    inside = hierarchy.lineage[np.flatnonzero(empty)]
    below = np.bincount(inside.indices, minlength=len(hierarchy)) - empty  # (N,) empty nodes strictly below
    for node in topmost:
        more = f", nor the {below[node]} nodes below it" if below[node] else ""
        yield Finding(
            "node_without_samples", "warning", counts.hierarchy.path_text(int(node)), f"no image has this label{more}"
        )


def _single_samples(counts: Counts) -> Iterator[Finding]:
    terminals = counts.hierarchy.terminals
    for node in terminals[counts.images[terminals] == 1]:
        what = "one image alone: it can be trained on or measured on, not both"
        yield Finding("node_with_one_sample", "warning", counts.hierarchy.path_text(int(node)), what)


def _too_fine(counts: Counts, min_images: int) -> Iterator[Finding]:
    hierarchy, train = counts.hierarchy, counts.train
    thin = np.zeros(len(hierarchy), dtype=bool)
    for coarser, terminals in coarser_nodes(counts, min_images).items():
        thin[terminals] = True
        named = some_of([f"{hierarchy.names[node]} {train[node]}" for node in terminals], _NAMED)
        which = f"fewer than {min_images} training images for {named}"
        if coarser < 0:
            yield Finding("too_fine", "warning", "the whole taxonomy", f"{which}: nothing above has enough either")
        else:
            advice = f"label at this node instead, which has {train[coarser]}, or find more"
            yield Finding("too_fine", "warning", counts.hierarchy.path_text(coarser), f"{which}: {advice}")
    for level, nodes in enumerate(hierarchy.level_slices, 1):
        known = hierarchy.is_terminal[nodes] & (train[nodes] > 0)
        thin_count, known_count = int(thin[nodes].sum()), int(known.sum())
        if 2 * thin_count > known_count:
            what = f"{thin_count} of its {known_count} terminals with images have fewer than {min_images} for training"
            yield Finding("level_too_fine", "warning", f"level {level}", f"{what}: stop at level {max(1, level - 1)}")


def _lopsided(counts: Counts) -> Iterator[Finding]:
    for level, nodes in enumerate(counts.hierarchy.level_slices, 1):
        held = counts.train[nodes][counts.train[nodes] > 0]
        if len(held) < 2:  # noqa: PLR2004 (one node cannot be lopsided)
            continue
        median, most = float(np.median(held)), int(held.max())
        fullest = counts.hierarchy.path_text(nodes.start + int(np.argmax(counts.train[nodes])))
        what = f"{len(held)} nodes with {held.min()} to {most} training images, median {median:g}; most at {fullest}"
        severe = most > _LOPSIDED * median
        yield Finding("imbalance", "warning" if severe else "note", f"level {level}", what)


def _totals(samples: Sequence[Sample], hierarchy: Hierarchy) -> Ints:
    return node_counts(carried_nodes(samples, hierarchy))
