"""Confusion along the tree: at which node a path took the wrong turn, and which sibling it took for which."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from classifier.evaluation.climbs import Climbs
from taxonomy import Hierarchy
from taxonomy.arrays import Ints

ABOVE_ROOTS = -1  # as a parent: the roots are its children
STAYS = -1  # as a child: the label, or the answer, is the parent itself


@dataclass(frozen=True, slots=True)
class Confusion:
    """Of `truth_count` images under `truth`, `count` were answered by its sibling `answered`."""

    truth: int
    answered: int
    count: int
    truth_count: int


@dataclass(frozen=True, slots=True)
class WrongTurns:
    """The wrong turns at one node: `images` reached it rightly, `wrong` of them left it by the wrong child."""

    parent: int
    images: int
    wrong: int
    confusions: tuple[Confusion, ...]  # most frequent first, bounded


def wrong_turns(climbs: Climbs) -> Ints:
    """(W, 4) rows of (sample, parent, true child, answered child), one for each sample that is not answered rightly.

    The parent is the deepest right node on the answered path, ABOVE_ROOTS when its root is wrong already. A child is
    STAYS where the label, or the answer, ends at the parent. On a DAG the true child is the first one that leads to the
    truth.
    """
    hierarchy, truth, nodes = climbs.hierarchy, climbs.truth, climbs.nodes
    right = climbs.right
    starts = climbs.starts
    wrong_steps = np.add.reduceat((~right).astype(np.int64), starts)  # wrong nodes are the first of a climb
    lengths = np.diff(np.append(starts, len(nodes)))
    rows = []
    for sample in np.flatnonzero((wrong_steps > 0) | (nodes[starts] != truth)):
        step = starts[sample] + wrong_steps[sample]
        parent = int(nodes[step]) if wrong_steps[sample] < lengths[sample] else ABOVE_ROOTS
        answered = int(nodes[step - 1]) if wrong_steps[sample] else STAYS
        rows.append((sample, parent, _child_towards(int(truth[sample]), parent, hierarchy), answered))
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def worst_turns(climbs: Climbs, parent_limit: int, pair_limit: int) -> list[WrongTurns]:
    """The nodes with the most wrong turns, and the most frequent confusions at each."""
    turns = wrong_turns(climbs)
    totals = _child_totals(climbs)
    passed = np.bincount(climbs.nodes[climbs.right], minlength=len(climbs.hierarchy))
    by_parent = Counter(turns[:, 1].tolist())
    ranked = sorted(by_parent.items(), key=lambda item: (-item[1], item[0]))[:parent_limit]
    return [
        WrongTurns(
            parent,
            len(climbs.truth) if parent == ABOVE_ROOTS else int(passed[parent]),
            wrong,
            tuple(_confusions(turns[turns[:, 1] == parent], totals, pair_limit)),
        )
        for parent, wrong in ranked
    ]


def root_matrix(climbs: Climbs, root_limit: int) -> tuple[list[int], Ints] | None:
    """(roots with images, (R, R) counts of true root by answered root); None when there are more than `root_limit`."""
    hierarchy = climbs.hierarchy
    roots = np.flatnonzero(hierarchy.levels == 1)
    last_step = np.append(climbs.starts[1:], len(climbs.nodes)) - 1
    answered = climbs.nodes[last_step]
    true = np.array([_child_towards(int(node), ABOVE_ROOTS, hierarchy) for node in climbs.truth], dtype=np.int64)
    is_right = climbs.right[last_step]
    true = np.where(is_right, answered, true)  # on a DAG several roots may be true: the answered one is
    seen = [int(root) for root in roots if root in set(true.tolist()) | set(answered.tolist())]
    if not 1 < len(seen) <= root_limit:
        return None
    place = {root: number for number, root in enumerate(seen)}
    counts = np.zeros((len(seen), len(seen)), dtype=np.int64)
    for truth, answer in zip(true.tolist(), answered.tolist(), strict=True):
        counts[place[truth], place[answer]] += 1
    return seen, counts


def _confusions(turns: Ints, totals: Ints, limit: int) -> Iterator[Confusion]:
    pairs = Counter(map(tuple, turns[:, 2:].tolist()))
    for (truth, answered), count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:limit]:
        yield Confusion(truth, answered, count, int(totals[truth]) if truth != STAYS else 0)


def _child_totals(climbs: Climbs) -> Ints:
    """(N,) images whose truth is the node or lies below it."""
    lineage = climbs.hierarchy.lineage[climbs.truth]
    return np.bincount(lineage.indices, minlength=len(climbs.hierarchy)).astype(np.int64)


def _child_towards(truth: int, parent: int, hierarchy: Hierarchy) -> int:
    """The first child of `parent` that is the truth or leads to it."""
    if truth == parent:
        return STAYS
    for node in hierarchy.ancestors_or_self(truth):
        above = hierarchy.parents[node]
        if parent in above if len(above) else parent == ABOVE_ROOTS:
            return int(node)
    return STAYS
