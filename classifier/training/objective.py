"""What a mode of training comes to: heads, output, loss, and the samples as the network is to see them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import nn

from classifier.config import TrainingConfig
from classifier.data.class_balance import draw_weights, log_priors, loss_weights, node_counts
from classifier.data.dataset import ImageStore, PlainImages
from classifier.data.manifest import Sample, carried_nodes, label_positions
from classifier.data.targets import CarriedNodes, OneHot, Targets
from classifier.networks.heads import LevelHeads
from classifier.outputs.method import PATH_SOFTMAX, Method, Output
from classifier.outputs.sigmoid_max import SigmoidMax
from classifier.training.losses import HierarchicalLoss, LabelSetLoss, TrainingLoss
from classifier.training.module import TrainingData
from taxonomy import Hierarchy
from taxonomy.arrays import Ints


@dataclass(frozen=True, eq=False)
class Course:
    """make_heads: from the number of features."""

    make_heads: Callable[[int], nn.Module]
    output: Output | SigmoidMax
    loss: TrainingLoss
    data: TrainingData


def make_course(
    samples: Sequence[Sample],
    val: Sequence[Sample],
    hierarchy: Hierarchy,
    config: TrainingConfig,
    method: Method | None = None,
) -> Course:
    """The course of the recipe's mode; `val` is what early stopping watches, if anything."""
    if config.mode == "multi":
        return _set_course(samples, val, hierarchy, config)
    return _single_course(samples, val, hierarchy, config, method or PATH_SOFTMAX)


def _single_course(
    samples: Sequence[Sample], val: Sequence[Sample], hierarchy: Hierarchy, config: TrainingConfig, method: Method
) -> Course:
    output = method.make_output(hierarchy)

    def targets(labelled: Sequence[Sample]) -> OneHot:
        return OneHot(output.label_columns[torch.from_numpy(_positions(labelled, hierarchy))], output.column_count)

    priors = torch.from_numpy(log_priors(_positions(samples, hierarchy), hierarchy)).float()
    loss = HierarchicalLoss(output, hierarchy, config, priors)
    carried, watched = carried_nodes(samples, hierarchy), targets(val) if val else None
    data = _data(samples, carried, targets(samples), config, hierarchy, val, watched)
    return Course(lambda width: method.make_heads(width, hierarchy), output, loss, data)


def _set_course(
    samples: Sequence[Sample], val: Sequence[Sample], hierarchy: Hierarchy, config: TrainingConfig
) -> Course:
    output = SigmoidMax(hierarchy)
    carried = carried_nodes(samples, hierarchy)
    frequencies = torch.from_numpy((node_counts(carried) + 1) / (len(samples) + 2)).float()

    def make_heads(width: int) -> nn.Module:
        heads = LevelHeads(width, hierarchy, stops=False)
        heads.start_at(frequencies)
        return heads

    watched = CarriedNodes(carried_nodes(val, hierarchy)) if val else None
    data = _data(samples, carried, CarriedNodes(carried), config, hierarchy, val, watched)
    return Course(make_heads, output, LabelSetLoss(output), data)


def _data(
    samples: Sequence[Sample],
    carried: csr_array,
    targets: Targets,
    config: TrainingConfig,
    hierarchy: Hierarchy,
    val: Sequence[Sample],
    val_targets: Targets | None,
) -> TrainingData:
    """The samples, weighed and drawn as the recipe says."""
    given = np.array([sample.weight for sample in samples])
    drawn = draw_weights(carried, hierarchy, config)
    return TrainingData(
        ImageStore(samples, config),
        targets,
        torch.from_numpy(given * loss_weights(carried, hierarchy, config)).float(),
        None if drawn is None else torch.from_numpy(drawn),
        PlainImages(val, config.test_size_px) if val else None,
        val_targets,
    )


def _positions(samples: Sequence[Sample], hierarchy: Hierarchy) -> Ints:
    return np.array(label_positions(samples, hierarchy), dtype=np.int64)
