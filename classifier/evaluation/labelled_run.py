"""A network with all that is needed to run it over labelled images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from classifier.bundles.bundle import Bundle
from classifier.bundles.calibration import Calibration
from classifier.data.manifest import Sample, label_positions
from classifier.evaluation.climbs import Climbs, collect_climbs
from classifier.evaluation.metrics import evaluate
from classifier.evaluation.set_metrics import evaluate_sets
from classifier.evaluation.set_run import LabelSetModel
from classifier.inference.energy import energies
from classifier.inference.logit_scaling import LogitScaling
from classifier.inference.predictor import make_output
from classifier.networks.devices import default_device
from classifier.networks.heads import HierarchicalNet
from classifier.outputs.adapted import AdaptedOutput
from classifier.outputs.method import Output
from classifier.outputs.sigmoid_max import SigmoidMax
from classifier.progress import Progress, silent
from classifier.runtimes.running import channel_stats, run_net
from classifier.runtimes.torch import serving_net
from taxonomy import Hierarchy
from taxonomy.arrays import Floats
from taxonomy.changes.diff import Difference


@dataclass(frozen=True, eq=False)
class Model:
    """A network with all that is needed to run it over labelled images."""

    net: HierarchicalNet
    output: Output
    hierarchy: Hierarchy
    stats: tuple[Tensor, Tensor]
    size_px: int

    def logits(
        self, samples: Sequence[Sample], progress: Progress = silent, stage: str = "evaluate"
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ((B, C) logits, (B,) true node positions) over the samples in order."""
        truth = torch.tensor(label_positions(samples, self.hierarchy))
        self.output.to(default_device())
        for logits, positions in run_net(self.net, samples, self.stats, self.size_px, progress, stage):
            yield logits, truth[positions]

    def climbs(
        self, samples: Sequence[Sample], calibration: Calibration, progress: Progress = silent, stage: str = "evaluate"
    ) -> Climbs:
        """The climbs of all samples by probabilities as a calibration scales them."""
        known = (
            self.output.before if isinstance(self.output, AdaptedOutput) else self.hierarchy
        )  # whose columns they are
        scaled = LogitScaling(calibration, known, self.output)
        found: list[Floats | None] = []

        def predictions() -> Iterator[tuple[Any, Any, Any]]:
            for logits, truth in self.logits(samples, progress, stage):
                found.append(energies(logits, self.output))
                nodes, best = self.output.predict(scaled(logits))
                yield nodes.cpu().numpy(), best.cpu().numpy(), truth.numpy()

        climbs = collect_climbs(predictions(), self.hierarchy)
        measured = [batch for batch in found if batch is not None]
        return replace(climbs, energies=np.concatenate(measured) if measured else None)


def open_model(bundle: Bundle, difference: Difference | None = None) -> Model | LabelSetModel:
    """The model of a bundle as it is served, answering in the other release of a `difference` if there is one.

    Raises BundleError.
    """
    stats, size_px = channel_stats(bundle.info.mean, bundle.info.std), bundle.info.image_size_px
    output, hierarchy = make_output(bundle, difference)
    net = serving_net(bundle.load_net(), default_device(), size_px)
    if isinstance(output, SigmoidMax):
        return LabelSetModel(net, output, hierarchy, stats, size_px)
    return Model(net, output, hierarchy, stats, size_px)


def measure(
    model: Model | LabelSetModel, samples: Sequence[Sample], calibration: Calibration, progress: Progress = silent
) -> dict[str, Any]:
    """The metrics of a model on samples, as `cladist evaluate --json` prints them."""
    return measured_climbs(model, samples, calibration, progress)[1]


def measured_climbs(
    model: Model | LabelSetModel, samples: Sequence[Sample], calibration: Calibration, progress: Progress = silent
) -> tuple[Climbs, dict[str, Any]]:
    """The climbs that the metrics come from, and the metrics."""
    if isinstance(model, LabelSetModel):
        scores = model.scores(samples, calibration, progress)
        return scores.climbs, evaluate_sets(scores, calibration)
    climbs = model.climbs(samples, calibration, progress)
    return climbs, evaluate(climbs, calibration)
