"""What a network is trained to do: heads, output, loss, and the samples as the network is to see them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import nn

from classifier.config import Mode, TrainingConfig
from classifier.data.class_balance import draw_weights, log_priors, loss_weights, node_counts
from classifier.data.dataset import ImageStore, PlainImages
from classifier.data.manifest import Sample, carried_nodes, label_positions
from classifier.outputs.base import Output, Strategy
from classifier.outputs.modes import MULTI_LABEL, SINGLE_LABEL, SingleLabel
from classifier.training.losses import HierarchicalLoss, LabelSetLoss, TrainingLoss
from classifier.training.module import TrainingData
from taxonomy import Hierarchy


@dataclass(frozen=True, eq=False)
class Objective:
    """What a mode trains. make_heads: from the number of features that the heads see."""

    strategy: Strategy
    make_heads: Callable[[int], nn.Module]
    output: Output
    loss: TrainingLoss


_Make = Callable[[Sequence[Sample], Hierarchy, TrainingConfig], Objective]


def make_objective(
    samples: Sequence[Sample], hierarchy: Hierarchy, config: TrainingConfig, baseline: SingleLabel | None = None
) -> Objective:
    """The objective of the recipe's mode, or of a baseline, on these training samples."""
    make = _OBJECTIVES[config.mode] if baseline is None else partial(_single_label, strategy=baseline)
    return make(samples, hierarchy, config)


def make_data(
    objective: Objective,
    samples: Sequence[Sample],
    val: Sequence[Sample],
    hierarchy: Hierarchy,
    config: TrainingConfig,
) -> TrainingData:
    """The samples, weighed and drawn as the recipe says; `val` is what early stopping watches, if anything."""
    carried = carried_nodes(samples, hierarchy)
    given = np.array([sample.weight for sample in samples])
    drawn = draw_weights(carried, hierarchy, config)
    return TrainingData(
        ImageStore(samples, config),
        objective.output.targets(samples),
        torch.from_numpy(given * loss_weights(carried, hierarchy, config)).float(),
        None if drawn is None else torch.from_numpy(drawn),
        PlainImages(val, config.test_size_px) if val else None,
        objective.output.targets(val) if val else None,
    )


def _single_label(
    samples: Sequence[Sample], hierarchy: Hierarchy, config: TrainingConfig, strategy: SingleLabel = SINGLE_LABEL
) -> Objective:
    output = strategy.make_output(hierarchy)
    positions = np.array(label_positions(samples, hierarchy), dtype=np.int64)
    priors = torch.from_numpy(log_priors(positions, hierarchy)).float()
    loss = HierarchicalLoss(output, hierarchy, config, priors)
    return Objective(strategy, lambda width: strategy.make_heads(width, hierarchy), output, loss)


def _multi_label(samples: Sequence[Sample], hierarchy: Hierarchy, _config: TrainingConfig) -> Objective:
    output = MULTI_LABEL.make_output(hierarchy)
    frequencies = _frequencies(carried_nodes(samples, hierarchy))

    def make_heads(width: int) -> nn.Module:
        heads = MULTI_LABEL.make_heads(width, hierarchy)
        heads.start_at(frequencies)
        return heads

    return Objective(MULTI_LABEL, make_heads, output, LabelSetLoss(output))


def _frequencies(carried: csr_array) -> torch.Tensor:
    """(N,) the share of samples that carry each node, with one more sample that does and one that does not."""
    return torch.from_numpy((node_counts(carried) + 1) / (carried.shape[0] + 2)).float()


_OBJECTIVES: Mapping[Mode, _Make] = {"single": _single_label, "multi": _multi_label}
