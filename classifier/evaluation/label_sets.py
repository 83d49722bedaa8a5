"""Answers where an asset may carry several labels: what is kept of S samples instead of (S, N) probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from classifier.bundles.calibration import Calibration, threshold_of
from classifier.bundles.metrics import LabelSetMetrics, Metrics
from classifier.data.manifest import Sample, carried_nodes
from classifier.evaluation.answers import Evidence
from classifier.evaluation.climbs import Climbs
from classifier.evaluation.metrics import evaluate, mean
from classifier.inference.decision import decided_nodes
from taxonomy import Hierarchy
from taxonomy.arrays import Bools, Floats, Ints
from taxonomy.metrics import common_ancestors, reduce_rows

_SHIFT = 12  # of a float32's bits: 11 of the mantissa stay, so that ranks are told apart to a part in 2,048
_BINS = (int(np.float32(1.0).view(np.uint32)) >> _SHIFT) + 1


@dataclass(frozen=True, eq=False)
class LabelSetAnswers:
    """The answers of a model to samples that may carry several labels.

    climbs: those of the first answers, each judged by its nearest label.

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

    def evidence(self) -> Evidence:
        """That of all samples: the most probable wrong node stands in place of the last wrong one on a climb."""
        climbs = self.climbs
        return Evidence(climbs.hierarchy, self.wrong_probs, self.root_probs, climbs.best, climbs.energies)

    def metrics(self, calibration: Calibration) -> Metrics:
        """The metrics of the first answers, decisions judged as sets, and those of the sets.

        An asset with a decided node is decided, and rightly when none of its decided nodes is wrong.
        """
        first = evaluate(self.climbs, calibration)
        decided, wrong = self.decided > 0, self.decided > self.decided_right
        right, named, carried = (int(counts.sum()) for counts in (self.decided_right, self.decided, self.carried))
        fares = {"accuracy": mean(~wrong[decided]), "wrong_fraction": mean(wrong), "coverage": mean(decided)}
        sets = LabelSetMetrics(
            threshold=threshold_of(calibration),
            micro_auprc=self.micro_auprc,
            precision=_share(right, named),
            recall=_share(right, carried),
            f1=_share(2 * right, named + carried),
            exact_match=mean((self.decided == self.decided_right) & (self.decided_right == self.carried)),
            mean_true=mean(self.carried),
            mean_decided=mean(self.decided),
        )
        return first.model_copy(update={"decision": first.decision.model_copy(update=fares), "label_sets": sets})


class LabelSetTally:
    """Judges every first answer by the nearest label, and adds up what `LabelSetAnswers` holds."""

    def __init__(self, samples: Sequence[Sample], hierarchy: Hierarchy, calibration: Calibration) -> None:
        self._hierarchy = hierarchy
        self._carried = carried_nodes(samples, hierarchy)
        self._sums = LabelSetSums(hierarchy, calibration)

    def add(self, probs: Floats, best: Ints, positions: Ints) -> Ints:
        """(B,) of each sample's labels the one nearest to its first answer."""
        carried = csr_array(self._carried[positions])
        self._sums.add(probs, carried.toarray())
        return nearest_labels(best, carried, self._hierarchy)

    def answers(self, climbs: Climbs) -> LabelSetAnswers:
        """Everything that was added, and the climbs of the same samples."""
        return self._sums.answers(climbs)


class LabelSetSums:
    """Adds up what `LabelSetAnswers` holds, batch by batch."""

    def __init__(self, hierarchy: Hierarchy, calibration: Calibration) -> None:
        self._hierarchy = hierarchy
        self._calibration = calibration
        self._columns: list[tuple[Floats, Floats, Ints, Ints, Ints]] = []
        self._positives, self._negatives = np.zeros((2, _BINS), dtype=np.int64)

    def add(self, probs: Floats, carried: Bools) -> None:
        """One batch: probabilities and whether a node is carried, both (B, N)."""
        decided = decided_nodes(probs, self._calibration)
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

    def answers(self, climbs: Climbs) -> LabelSetAnswers:
        """Everything that was added, and the climbs of the same samples."""
        wrong, roots, decided, right, carried = (np.concatenate(column) for column in zip(*self._columns, strict=True))
        return LabelSetAnswers(climbs, wrong, roots, decided, right, carried, self._positives, self._negatives)


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


def nearest_labels(answers: Ints, carried: csr_array, hierarchy: Hierarchy) -> Ints:
    """(B,) of each asset's labels the one that shares most with its answer; `carried` (B, N) are closed upward.

    That is the label whose lowest common ancestor with the answer holds the most information, the first of those that
    tie.
    """
    rows, labels = ends(carried, hierarchy)
    common = common_ancestors(answers[rows], labels, hierarchy)
    shared = reduce_rows(common, hierarchy.information[common.indices], np.maximum, -1.0)
    order = np.lexsort((-shared, rows))
    _, first = np.unique(rows[order], return_index=True)
    return labels[order[first]]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
