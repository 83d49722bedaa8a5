"""What a model's answers to labelled samples come to, in either mode: climbs, evidence for thresholds, metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from classifier.bundles.calibration import Calibration
from classifier.bundles.metrics import Metrics
from classifier.data.manifest import Sample, label_positions
from classifier.evaluation.climbs import Climbs
from classifier.evaluation.metrics import evaluate
from taxonomy import Hierarchy
from taxonomy.arrays import Floats, Ints


@dataclass(frozen=True, eq=False)
class Evidence:
    """What decision thresholds are found from: n samples of which it is known whether their answers are right.

    wrong_probs, root_probs: (n,) see `classifier.calibration.thresholds`. best: (n,) the node that each answer ends at.
    energies: (n,), None where the model has none.
    """

    hierarchy: Hierarchy
    wrong_probs: Floats
    root_probs: Floats
    best: Ints
    energies: Floats | None


class Answers(Protocol):
    """What is kept of a model's answers to S samples."""

    @property
    def climbs(self) -> Climbs:
        """The climbs of the answers; where an asset carries several labels, of its first answer."""

    def evidence(self) -> Evidence:
        """What thresholds are found from."""

    def metrics(self, calibration: Calibration) -> Metrics:
        """How good the answers, and the decisions of the calibration that gave them, are."""


class Tally(Protocol):
    """Adds answers up, batch by batch."""

    def add(self, probs: Floats, best: Ints, positions: Ints) -> Ints:
        """Take note of probabilities (B, N) and best terminals (B,) of the samples at these positions (B,).

        Returns (B,) the node that each first answer is judged by.
        """

    def answers(self, climbs: Climbs) -> Answers:
        """Everything that was added, with the climbs of the same samples."""


@dataclass(frozen=True, eq=False)
class SingleLabelAnswers:
    """Of a model of one label an asset the climbs say it all."""

    climbs: Climbs

    def evidence(self) -> Evidence:
        """That of the samples labelled at a terminal."""
        return climb_evidence(self.climbs)

    def metrics(self, calibration: Calibration) -> Metrics:
        """The metrics of the climbs."""
        return evaluate(self.climbs, calibration)


class SingleLabelTally:
    """Judges every answer by the sample's one label."""

    def __init__(self, samples: Sequence[Sample], hierarchy: Hierarchy, _calibration: Calibration) -> None:
        self._truth = np.array(label_positions(samples, hierarchy), dtype=np.int64)

    def add(self, _probs: Floats, _best: Ints, positions: Ints) -> Ints:
        """(B,) the labels."""
        found: Ints = self._truth[positions]
        return found

    def answers(self, climbs: Climbs) -> SingleLabelAnswers:
        """The climbs."""
        return SingleLabelAnswers(climbs)


def climb_evidence(climbs: Climbs) -> Evidence:
    """What thresholds are found from where the climbs say it all: the samples labelled at a terminal."""
    known = climbs.hierarchy.is_terminal[climbs.truth]
    energies = None if climbs.energies is None else climbs.energies[known]
    return Evidence(climbs.hierarchy, climbs.wrong_probs(), climbs.root_probs(), climbs.best[known], energies)
