"""Hierarchical multi-label classification of feature tables: a plain MLP under the heads and loss of the images.

One recipe for all tables. Each dropout of the configuration is tried on the training rows; the one whose best epoch
ranks the held-out rows best, by micro AU(PRC), is trained anew on all rows for as many epochs. Several such members
differ by seed alone; the mean of their probabilities is coherent because each of theirs is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import NamedTuple, cast

import numpy as np
import torch
from arff import Table, TableError
from features import Rows, Scaler, fill_missing, require_same_columns, training_rows
from pydantic import BaseModel, ConfigDict, Field
from timm.utils import ModelEmaV3
from torch import nn

from classifier.errors import TrainingError
from classifier.networks.devices import default_device
from classifier.networks.heads import LevelHeads
from classifier.outputs.sigmoid_max import SigmoidMax, micro_average_precision
from classifier.progress import Progress, silent
from taxonomy import Hierarchy
from taxonomy.arrays import Floats

_PREDICTION_BATCH = 512
_LEAST_FREQUENCY = 1e-4  # of a node, for its first bias; the training rows may not have it at all
_HELD_OUT_SHARE = 0.2  # of the training rows, where there is no valid file
_LEAST_ROWS = 10


class TableConfig(BaseModel):
    """The recipe for feature tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden_width: int = Field(default=1000, ge=1)
    hidden_layers: int = Field(default=2, ge=0)
    dropouts: tuple[float, ...] = Field(default=(0.7, 0.5), min_length=1)
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=3e-3, gt=0)  # constant after a warm-up of one epoch
    weight_decay: float = Field(default=1e-5, ge=0)
    average_epochs: float = Field(default=2.0, gt=0)  # time constant of the moving average of the weights
    max_epochs: int = Field(default=60, ge=1)
    patience: int = Field(default=4, ge=1)  # epochs without a better ranking after which a dropout is left
    members: int = Field(default=3, ge=1)
    seed: int = 0


class TableNet(nn.Module):
    """(B, F) standardised features -> (B, N) logits, by linear layers with batch norm, ReLU and dropout."""

    def __init__(self, feature_count: int, hierarchy: Hierarchy, config: TableConfig, dropout: float) -> None:
        super().__init__()
        widths = [feature_count, *[config.hidden_width] * config.hidden_layers]
        self.trunk = nn.Sequential()
        for before, width in pairwise(widths):
            self.trunk.extend([nn.Linear(before, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)])
        self.heads = LevelHeads(widths[-1], hierarchy, stops=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, F) -> (B, N)."""
        logits: torch.Tensor = self.heads(self.trunk(features))
        return logits


@dataclass(frozen=True, eq=False)
class TableModel:
    """The trained members, what they were trained on and what was chosen for them."""

    members: Sequence[nn.Module]
    hierarchy: Hierarchy
    scaler: Scaler
    trained_on: Table
    dropout: float
    epochs: int

    def predict(self, table: Table) -> Floats:
        """(S, N) probabilities, row-wise coherent. Raises TableError when the table has other attributes or classes."""
        require_same_columns(table, self.trained_on)
        features = self.scaler(fill_missing(table.features, self.scaler.mean))
        output = SigmoidMax(self.hierarchy)
        return cast("Floats", sum(_predict(member, features, output) for member in self.members) / len(self.members))


class Choice(NamedTuple):
    """What the held-out rows prefer, and the micro AU(PRC) it had there."""

    score: float
    dropout: float
    epochs: int


def train_table(
    train: Table, valid: Table | None, config: TableConfig | None = None, progress: Progress = silent
) -> TableModel:
    """Choose dropout and epochs on `valid`, or on a fifth of `train` without it, then train on all rows.

    Raises TableError on tables that differ in attributes or classes or have too few rows, TrainingError on a loss that
    is not finite.
    """
    config = config or TableConfig()
    hierarchy = Hierarchy.compile(train.taxonomy)
    scaler, rows, held_out = training_rows(train, valid, hierarchy)
    if len(rows) < _LEAST_ROWS:
        raise TableError(
            f"{len(rows)} rows are too few to train on; at least {_LEAST_ROWS} are needed", source=train.source
        )
    if held_out is None:
        rows, held_out = _parted(rows, config.seed)
    choice = choose(rows, held_out, hierarchy, config, progress)
    everything = rows.joined(held_out)
    members = []
    for number in range(config.members):
        seed = config.seed * config.members + number
        epochs = training_epochs(everything, hierarchy, config, choice.dropout, seed)
        for epoch in range(choice.epochs):
            net = next(epochs)
            progress("train", number * choice.epochs + epoch + 1, config.members * choice.epochs, "")
        members.append(net)
    return TableModel(members, hierarchy, scaler, train, choice.dropout, choice.epochs)


def choose(
    rows: Rows, held_out: Rows, hierarchy: Hierarchy, config: TableConfig, progress: Progress = silent
) -> Choice:
    """The dropout and the number of epochs that rank the held-out rows best."""
    output = SigmoidMax(hierarchy)
    best = Choice(-1.0, config.dropouts[0], 1)
    for number, dropout in enumerate(config.dropouts):
        own_best = Choice(-1.0, dropout, 0)
        epochs = training_epochs(rows, hierarchy, config, dropout, config.seed * config.members)
        for epoch, net in enumerate(islice(epochs, config.max_epochs), 1):
            score = micro_average_precision(held_out.targets, _predict(net, held_out.features, output))
            own_best = max(own_best, Choice(score, dropout, epoch), key=lambda choice: choice.score)
            note = f"dropout {dropout}, epoch {epoch}, AU(PRC) {score:.3f}"
            progress("choose", number * config.max_epochs + epoch, len(config.dropouts) * config.max_epochs, note)
            if epoch - own_best.epochs >= config.patience:
                break
        best = max(best, own_best, key=lambda choice: choice.score)
    return best


def training_epochs(
    rows: Rows, hierarchy: Hierarchy, config: TableConfig, dropout: float, seed: int
) -> Iterator[nn.Module]:
    """Train for ever; after each epoch yield the moving average of the network, always the same module."""
    torch.manual_seed(seed)
    device = default_device()
    net = TableNet(rows.features.shape[1], hierarchy, config, dropout)
    frequencies = torch.from_numpy(rows.targets.mean(axis=0)).float()
    net.heads.start_at(frequencies.clamp(_LEAST_FREQUENCY, 1 - _LEAST_FREQUENCY))
    net, output = net.to(device), SigmoidMax(hierarchy).to(device)
    batch_count = max(1, round(len(rows) / config.batch_size))
    average = ModelEmaV3(net, decay=max(0.0, 1 - 1 / (config.average_epochs * batch_count)))
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    warm_up = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / (batch_count + 1), total_iters=batch_count)
    while True:
        net.train()
        for batch in np.array_split(torch.randperm(len(rows)).numpy(), batch_count):
            logits = net(rows.features[batch].to(device))
            loss = output.loss(logits, rows.dense_targets(batch).to(device)).mean()
            _descend(loss, optimizer)
            warm_up.step()
            average.update(net)
        yield average.module.eval()


def _descend(loss: torch.Tensor, optimizer: torch.optim.Optimizer) -> None:
    if not torch.isfinite(loss):
        raise TrainingError("the loss on the table is not finite: lower the learning rate")
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()


def _predict(net: nn.Module, features: torch.Tensor, output: SigmoidMax) -> Floats:
    device = default_device()
    with torch.inference_mode():
        parts = [
            output.to(device).predict(net(part.to(device))).nodes.cpu()
            for part in torch.split(features, _PREDICTION_BATCH)
        ]
    return torch.cat(parts).numpy()


def _parted(rows: Rows, seed: int) -> tuple[Rows, Rows]:
    """The rows in two: most to train on, the rest held out."""
    shuffled = np.random.default_rng(seed).permutation(len(rows))
    held_out = int(len(rows) * _HELD_OUT_SHARE)
    return rows.take(shuffled[held_out:]), rows.take(shuffled[:held_out])
