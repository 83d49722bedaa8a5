"""The operating curve: how much is answered against how much of it is right."""

from dataclasses import dataclass

import numpy as np

from taxonomy.arrays import Floats, Ints
from taxonomy.hierarchy import Hierarchy
from taxonomy.metrics.overlap import common_ancestors, is_ancestor_or_self, reduce_rows


@dataclass(frozen=True, eq=False)
class OperatingCurve:
    """Averages over the samples, one entry per threshold (R,), from answering in full to answering nothing.

    correct: share of samples whose answer is an ancestor-or-self of the truth.
    precision, recall: information that answer and truth share, over that of the answer, or of the truth.
    Source: Valmadre, "Hierarchical classification at multiple operating points", NeurIPS 2022.
    """

    thresholds: Floats
    correct: Floats
    precision: Floats
    recall: Floats

    @property
    def ap(self) -> float:
        """Area under precision over recall."""
        return float(np.trapezoid(self.precision[::-1], self.recall[::-1]))

    @property
    def ac(self) -> float:
        """Area under the share correct over recall."""
        return float(np.trapezoid(self.correct[::-1], self.recall[::-1]))

    def recall_at(self, correct: float) -> float:
        """The largest recall at which at least this share of the answers is correct."""
        return float(self.recall[self.correct >= correct].max(initial=0.0))


def operating_curve(
    samples: Ints, nodes: Ints, confidences: Floats, truth: Ints, hierarchy: Hierarchy
) -> OperatingCurve:
    """The curve of the climb: a sample answers the deepest node on its climb whose confidence is above a threshold.

    samples, nodes, confidences: (M,), the climbs of all samples one after the other, each from its best terminal up to
    a root with confidences that never fall. truth: (S,). Past its root a sample answers nothing, which is correct.
    """
    true_nodes = truth[samples]
    shared = _shared_information(nodes, true_nodes, hierarchy)
    values = np.stack(
        [
            is_ancestor_or_self(nodes, true_nodes, hierarchy).astype(np.float64),
            _ratio(shared, hierarchy.information[nodes]),
            _ratio(shared, hierarchy.information[true_nodes]),
        ]
    )  # (3, M): correct, precision, recall
    is_last = np.append(samples[1:] != samples[:-1], True)
    is_first = np.append(True, is_last[:-1])
    after = np.where(is_last, np.array([[1.0], [1.0], [0.0]]), np.roll(values, -1, axis=1))
    order = np.argsort(confidences, kind="stable")
    steps = np.cumsum((after - values)[:, order], axis=1)
    start = values[:, is_first].sum(axis=1, keepdims=True)
    curve = np.concatenate([start, start + steps], axis=1) / len(truth)
    thresholds = np.concatenate([[0.0], confidences[order]])
    keep = np.append(thresholds[1:] != thresholds[:-1], True)
    correct, precision, recall = np.clip(curve[:, keep], 0.0, 1.0)
    return OperatingCurve(thresholds[keep], correct, precision, recall)


def _shared_information(nodes: Ints, true_nodes: Ints, hierarchy: Hierarchy) -> Floats:
    """(M,) nats: the information of the lowest common ancestor."""
    common = common_ancestors(nodes, true_nodes, hierarchy)
    return reduce_rows(common, hierarchy.information[common.indices], np.maximum, 0.0)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.ones_like(part), where=whole > 0)
