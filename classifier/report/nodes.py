"""How each node fares, and how unevenly images are spread over the nodes."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from classifier.evaluation.climbs import Climbs
from taxonomy import Hierarchy
from taxonomy.arrays import Floats, Ints

_MIN_IMAGES = 5  # of fewer images a recall says little
_GROUPS = 8


@dataclass(frozen=True, slots=True)
class NodeScore:
    """Recall: share of its images whose path holds the node. Precision: share of such paths that are right in it."""

    node: int
    images: int
    recall: float
    answers: int
    precision: float | None  # None when it was never answered
    taken_for: int | None  # the node of its level answered most often instead
    taken_count: int


@dataclass(frozen=True, slots=True)
class LevelSpread:
    """How the images lie over the nodes of one level."""

    level: int
    nodes: int
    empty: int
    least: int
    median: float
    most: int
    share_of_tenth: float  # of all images at the level, those of the tenth of its nodes that have the most


@dataclass(frozen=True, eq=False)
class AccuracyBySize:
    """Terminals in (G,) groups of rising training images: images per node, mean recall, nodes, test images."""

    train_images: Floats
    recall: Floats
    nodes: Ints
    images: Ints


def node_totals(labels: Ints, hierarchy: Hierarchy) -> Ints:
    """(N,) images labelled at the node or below it, from their (S,) labels."""
    return np.bincount(hierarchy.lineage[labels].indices, minlength=len(hierarchy)).astype(np.int64)


def worst_nodes(climbs: Climbs, limit: int) -> list[NodeScore]:
    """The nodes of least recall; of equal ones those with the most images first.

    Nodes of fewer than five images are left out, unless every terminal has fewer.
    """
    size = len(climbs.hierarchy)
    totals = node_totals(climbs.truth, climbs.hierarchy)
    hits = np.bincount(climbs.nodes[climbs.right], minlength=size)
    answers = np.bincount(climbs.nodes, minlength=size)
    enough = _MIN_IMAGES if totals[climbs.hierarchy.terminals].max() >= _MIN_IMAGES else 1
    seen = np.flatnonzero(totals >= enough)
    recalls = hits[seen] / totals[seen]
    worst = seen[np.lexsort((seen, -totals[seen], recalls))][:limit]
    taken = _taken_for(climbs, worst)
    return [
        NodeScore(
            int(node),
            int(totals[node]),
            float(hits[node] / totals[node]),
            int(answers[node]),
            float(hits[node] / answers[node]) if answers[node] else None,
            *taken[int(node)],
        )
        for node in worst
    ]


def level_spreads(labels: Ints, hierarchy: Hierarchy) -> list[LevelSpread]:
    """One for each level, by the (S,) labels of the images."""
    totals = node_totals(labels, hierarchy)
    spreads = []
    for level, nodes in enumerate(hierarchy.level_slices, 1):
        counts = np.sort(totals[nodes])[::-1]
        tenth = counts[: max(1, len(counts) // 10)].sum()
        spreads.append(
            LevelSpread(
                level,
                len(counts),
                int((counts == 0).sum()),
                int(counts[-1]),
                float(np.median(counts)),
                int(counts[0]),
                float(tenth / counts.sum()) if counts.any() else 0.0,
            )
        )
    return spreads


def accuracy_by_size(climbs: Climbs, train_labels: Ints) -> AccuracyBySize:
    """The recall of the tested terminals, in about equal groups by their number of training images."""
    hierarchy = climbs.hierarchy
    train, tested = node_totals(train_labels, hierarchy), node_totals(climbs.truth, hierarchy)
    hits = np.bincount(climbs.nodes[climbs.right], minlength=len(hierarchy))
    terminals = hierarchy.terminals[tested[hierarchy.terminals] > 0]
    bounds = np.unique(np.quantile(train[terminals], np.arange(1, _GROUPS) / _GROUPS, method="nearest"))
    group_of = np.searchsorted(bounds, train[terminals], side="right")
    groups = [terminals[group_of == group] for group in np.unique(group_of)]
    return AccuracyBySize(
        np.array([train[group].mean() for group in groups]),
        np.array([(hits[group] / tested[group]).mean() for group in groups]),
        np.array([len(group) for group in groups], dtype=np.int64),
        np.array([tested[group].sum() for group in groups], dtype=np.int64),
    )


def _taken_for(climbs: Climbs, nodes: Ints) -> dict[int, tuple[int | None, int]]:
    """For each node: the wrong node of its level that its images are most often taken for, and how often."""
    levels, lineage = climbs.hierarchy.levels, climbs.hierarchy.lineage
    wrong = np.flatnonzero(~climbs.right)
    answers = {(int(climbs.samples[step]), int(levels[climbs.nodes[step]])): int(climbs.nodes[step]) for step in wrong}
    by_node = lineage[climbs.truth][:, nodes].tocsc()  # (S, K)
    found: dict[int, tuple[int | None, int]] = {}
    for column, node in enumerate(nodes):
        samples = by_node.indices[by_node.indptr[column] : by_node.indptr[column + 1]]
        keys = ((int(sample), int(levels[node])) for sample in samples)
        counts = Counter(answers[key] for key in keys if key in answers)
        found[int(node)] = min(counts.items(), key=lambda item: (-item[1], item[0])) if counts else (None, 0)
    return found
