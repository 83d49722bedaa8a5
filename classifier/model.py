"""A network with all that is needed to run it over labelled images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from classifier.adaptation import AdaptedOutput
from classifier.backbone import default_device
from classifier.bundle import Bundle
from classifier.calibration import Calibration
from classifier.dataset import Batch, PlainImages
from classifier.energy import energies
from classifier.evaluation import Climbs, collect_climbs
from classifier.heads import HierarchicalNet
from classifier.manifest import Sample, label_positions
from classifier.method import PATH_SOFTMAX, Output
from classifier.progress import Progress, silent
from classifier.runtime import channel_stats, forward
from classifier.temperature import column_temperatures
from taxonomy import Hierarchy
from taxonomy.diff import Difference

_EVALUATION_BATCH = 64


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
        device = default_device()
        net = self.net.to(device).eval()
        self.output.to(device)
        loader: DataLoader[Batch] = DataLoader(PlainImages(samples, self.size_px), _EVALUATION_BATCH)
        for pixels, positions in loader:
            yield forward(net, pixels.to(device), self.stats), truth[positions]
            progress(stage, int(positions[-1]) + 1, len(samples), "")

    def climbs(
        self, samples: Sequence[Sample], calibration: Calibration, progress: Progress = silent, stage: str = "evaluate"
    ) -> Climbs:
        """The climbs of all samples by probabilities at the temperatures of a calibration."""
        known = (
            self.output.before if isinstance(self.output, AdaptedOutput) else self.hierarchy
        )  # whose columns they are
        temperatures = column_temperatures(calibration, known).to(default_device())
        found: list[NDArray[np.float64] | None] = []

        def predictions() -> Iterator[tuple[Any, Any, Any]]:
            for logits, truth in self.logits(samples, progress, stage):
                found.append(energies(logits, self.output))
                nodes, best = self.output.predict(logits / temperatures)
                yield nodes.cpu().numpy(), best.cpu().numpy(), truth.numpy()

        climbs = collect_climbs(predictions(), self.hierarchy)
        measured = [batch for batch in found if batch is not None]
        return replace(climbs, energies=np.concatenate(measured) if measured else None)


def open_model(bundle: Bundle, difference: Difference | None = None) -> Model:
    """The model of a bundle, answering in the other release of a `difference` if there is one. Raises BundleError."""
    stats = channel_stats(bundle.info.mean, bundle.info.std)
    if difference is not None:
        adapted = AdaptedOutput(bundle.hierarchy, difference)
        return Model(bundle.load_net(), adapted, adapted.hierarchy, stats, bundle.info.image_size_px)
    output = PATH_SOFTMAX.make_output(bundle.hierarchy)
    return Model(bundle.load_net(), output, bundle.hierarchy, stats, bundle.info.image_size_px)
