"""Run a model over labelled images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader

from classifier.bundles.bundle import Bundle
from classifier.bundles.calibration import Calibration
from classifier.config import Mode
from classifier.data.dataset import Batch, PlainImages
from classifier.data.manifest import Sample
from classifier.evaluation.answers import Answers, SingleLabelTally, Tally
from classifier.evaluation.climbs import Climbs, collect_climbs
from classifier.evaluation.label_sets import LabelSetTally
from classifier.images.tensors import channel_stats
from classifier.inference.logit_scaling import LogitScaling
from classifier.inference.predictor import open_output
from classifier.networks.devices import default_device
from classifier.networks.heads import HierarchicalNet
from classifier.outputs.base import Output, Strategy
from classifier.progress import Progress, silent
from classifier.runtimes.protocol import Runtime
from classifier.runtimes.torch import TorchRuntime, serving_net
from taxonomy import Hierarchy
from taxonomy.arrays import Floats, Ints
from taxonomy.changes.diff import Difference

_EVALUATION_BATCH = 64
_TALLIES: Mapping[Mode, Callable[[Sequence[Sample], Hierarchy, Calibration], Tally]] = {
    "single": SingleLabelTally,
    "multi": LabelSetTally,
}


@dataclass(frozen=True, eq=False)
class Model:
    """A network with all that is needed to run it over labelled images.

    stats: mean and std of its input. size_px: the side of its images.
    """

    net: HierarchicalNet
    output: Output
    strategy: Strategy
    stats: tuple[Tensor, Tensor]
    size_px: int

    @property
    def hierarchy(self) -> Hierarchy:
        """That of the answers, and of the labels that they are judged by."""
        return self.output.hierarchy

    def logits(
        self, samples: Sequence[Sample], progress: Progress = silent, stage: str = "evaluate"
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ((B, C) logits, (B,) positions in the samples) over the samples in order."""
        device = default_device()
        self.output.to(device)
        return run(TorchRuntime(self.net, device, self.stats), samples, self.size_px, progress, stage)

    def answers(
        self, samples: Sequence[Sample], calibration: Calibration, progress: Progress = silent, stage: str = "evaluate"
    ) -> Answers:
        """The answers to all samples, their logits scaled as a calibration says."""
        tally = _TALLIES[self.strategy.mode](samples, self.hierarchy, calibration)
        scaled = LogitScaling(calibration, self.output)
        energies: list[Floats] = []

        def predictions() -> Iterator[tuple[Floats, Ints, Ints]]:
            for logits, positions in self.logits(samples, progress, stage):
                measured = self.output.energies(logits)
                if measured is not None:
                    energies.append(measured.cpu().numpy())
                nodes, best = self.output.predict(scaled(logits))
                probs, ends = nodes.cpu().numpy(), best.cpu().numpy()
                yield probs, ends, tally.add(probs, ends, positions.numpy())

        climbs = collect_climbs(predictions(), self.hierarchy)
        return tally.answers(replace(climbs, energies=np.concatenate(energies) if energies else None))

    def climbs(
        self, samples: Sequence[Sample], calibration: Calibration, progress: Progress = silent, stage: str = "evaluate"
    ) -> Climbs:
        """The climbs of the answers alone."""
        return self.answers(samples, calibration, progress, stage).climbs


def run(
    runtime: Runtime, samples: Sequence[Sample], size_px: int, progress: Progress = silent, stage: str = "evaluate"
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield ((B, C) logits, (B,) positions in the samples) over the samples in order."""
    loader: DataLoader[Batch] = DataLoader(PlainImages(samples, size_px), _EVALUATION_BATCH)
    for pixels, positions in loader:
        yield runtime(pixels), positions
        progress(stage, int(positions[-1]) + 1, len(samples), "")


def open_model(bundle: Bundle, difference: Difference | None = None) -> Model:
    """The model of a bundle as it is served, answering in the other release of a `difference` if there is one.

    Raises BundleError.
    """
    stats, size_px = channel_stats(bundle.info.mean, bundle.info.std), bundle.info.image_size_px
    net = serving_net(bundle.load_net(), default_device(), size_px)
    return Model(net, open_output(bundle, difference), bundle.strategy, stats, size_px)
