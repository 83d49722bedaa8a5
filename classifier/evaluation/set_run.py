"""A multi-label network with all that is needed to run it over labelled images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from torch import Tensor

from classifier.bundles.calibration import Calibration
from classifier.data.manifest import Sample, carried_nodes
from classifier.evaluation.climbs import Climbs, collect_climbs
from classifier.evaluation.set_scores import SetScores, SetTally, ends
from classifier.networks.devices import default_device
from classifier.networks.heads import HierarchicalNet
from classifier.outputs.sigmoid_max import SigmoidMax
from classifier.progress import Progress, silent
from classifier.runtimes.running import run_net
from taxonomy import Hierarchy
from taxonomy.arrays import Floats, Ints
from taxonomy.metrics import common_ancestors, reduce_rows


@dataclass(frozen=True, eq=False)
class LabelSetModel:
    """A multi-label network; `hierarchy` is that of its answers and of the labels it is measured on."""

    net: HierarchicalNet
    output: SigmoidMax
    hierarchy: Hierarchy
    stats: tuple[Tensor, Tensor]
    size_px: int

    def logits(
        self, samples: Sequence[Sample], progress: Progress = silent, stage: str = "evaluate"
    ) -> Iterator[tuple[Tensor, csr_array]]:
        """Yield ((B, C) logits, (B, N) boolean rows of the nodes carried) over the samples in order."""
        carried = carried_nodes(samples, self.hierarchy)
        self.output.to(default_device())
        for logits, positions in run_net(self.net, samples, self.stats, self.size_px, progress, stage):
            yield logits, csr_array(carried[positions.numpy()])

    def scores(
        self, samples: Sequence[Sample], calibration: Calibration, progress: Progress = silent, stage: str = "evaluate"
    ) -> SetScores:
        """What the samples' probabilities come to, at the temperature and the threshold of a calibration."""
        tally = SetTally(self.hierarchy, calibration)

        def predictions() -> Iterator[tuple[Floats, Ints, Ints]]:
            for logits, carried in self.logits(samples, progress, stage):
                nodes, best = self.output.predict(logits, calibration.temperature)
                probs, answers = nodes.cpu().numpy(), best.cpu().numpy()
                tally.add(probs, carried.toarray())
                yield probs, answers, nearest_labels(answers, carried, self.hierarchy)

        climbs = collect_climbs(predictions(), self.hierarchy)
        return tally.scores(climbs)

    def climbs(
        self, samples: Sequence[Sample], calibration: Calibration, progress: Progress = silent, stage: str = "evaluate"
    ) -> Climbs:
        """The climbs of the first answers alone."""
        return self.scores(samples, calibration, progress, stage).climbs


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
