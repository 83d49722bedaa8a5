"""What evaluation keeps of the label sets of S samples, instead of (S, N) probabilities."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from classifier.bundles.calibration import Calibration, threshold_of
from classifier.evaluation.climbs import Climbs
from taxonomy import Hierarchy
from taxonomy.arrays import Bools, Floats, Ints

_SHIFT = 12  # of a float32's bits: 11 of the mantissa stay, so that ranks are told apart to a part in 2,048
_BINS = (int(np.float32(1.0).view(np.uint32)) >> _SHIFT) + 1


@dataclass(frozen=True, eq=False)
class SetScores:
    """climbs: those of the first answers, each judged by its nearest label.

    wrong_probs, root_probs: (S,) the largest probability of a node that is not carried, and of a root.
    decided, decided_right: (S,) how many nodes are decided, and how many of those are carried.
    carried: (S,) how many nodes are. positives, negatives: (K,) pairs of a sample and a node by rising probability.
    """

    climbs: Climbs
    wrong_probs: Floats
    root_probs: Floats
    decided: Ints
    decided_right: Ints
    carried: Ints
    positives: Ints
    negatives: Ints

    @property
    def micro_auprc(self) -> float:
        """The average precision of all pairs of a sample and a node in one ranking; 0 when nothing is carried."""
        right = np.cumsum(self.positives[::-1])
        named = np.cumsum((self.positives + self.negatives)[::-1])
        gained = np.diff(right, prepend=0)
        shares = np.divide(right, named, out=np.zeros(len(right)), where=named > 0)
        return float((gained * shares).sum() / right[-1]) if right[-1] else 0.0


class SetTally:
    """Adds up what `SetScores` holds, batch by batch."""

    def __init__(self, hierarchy: Hierarchy, calibration: Calibration) -> None:
        self._hierarchy = hierarchy
        self._threshold = threshold_of(calibration)
        self._columns: list[tuple[Floats, Floats, Ints, Ints, Ints]] = []
        self._positives, self._negatives = np.zeros((2, _BINS), dtype=np.int64)

    def add(self, probs: Floats, carried: Bools) -> None:
        """One batch: probabilities and whether a node is carried, both (B, N)."""
        decided = probs >= self._threshold
        self._columns.append(
            (
                np.where(carried, 0.0, probs).max(axis=1),
                probs[:, self._hierarchy.level_slices[0]].max(axis=1),
                decided.sum(axis=1),
                (decided & carried).sum(axis=1),
                carried.sum(axis=1),
            )
        )
        bins = probs.astype(np.float32).view(np.uint32) >> _SHIFT  # floats that are not negative rank as their bits do
        self._positives += np.bincount(bins[carried], minlength=_BINS)
        self._negatives += np.bincount(bins[~carried], minlength=_BINS)

    def scores(self, climbs: Climbs) -> SetScores:
        """Everything that was added, and the climbs of the same samples."""
        wrong, roots, decided, right, carried = (np.concatenate(column) for column in zip(*self._columns, strict=True))
        return SetScores(climbs, wrong, roots, decided, right, carried, self._positives, self._negatives)


def ends(carried: csr_array, hierarchy: Hierarchy) -> tuple[Ints, Ints]:
    """(rows, nodes) of the nodes of sets (B, N), closed upward, that have no child in their set."""
    parents = csr_array(
        (np.ones(len(hierarchy.edges), dtype=np.int64), (hierarchy.edges[:, 1], hierarchy.edges[:, 0])),
        shape=(len(hierarchy), len(hierarchy)),
    )
    has_child = csr_array(carried.astype(np.int64) @ parents) > 0
    last = csr_array(carried.astype(np.int8) - has_child.astype(np.int8))
    last.eliminate_zeros()
    entries = last.tocoo()
    return entries.row.astype(np.int64), entries.col.astype(np.int64)
