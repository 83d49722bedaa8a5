"""One network in training: batches in, weighted losses out, a moving average of the weights beside it."""

from dataclasses import dataclass
from typing import Any, cast

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from timm.utils import ModelEmaV3
from torch import Tensor
from torch.utils.data import DataLoader

from classifier.config import TrainingConfig
from classifier.data.dataset import Batch, Draw, ImageStore, PlainImages, epoch_loader, epoch_seed
from classifier.data.targets import Targets
from classifier.errors import TrainingError
from classifier.images.tensors import normalise
from classifier.networks.freezing import freeze_blocks, parameter_groups, rest_frozen_norms
from classifier.networks.heads import HierarchicalNet
from classifier.training.losses import TrainingLoss
from classifier.training.mixing import Mixing

VAL_LOSS = "val_loss"
_VAL_BATCH = 64


@dataclass(frozen=True, eq=False)
class TrainingData:
    """S training samples, and the held-out images that early stopping watches.

    weights: (S,) of the samples in the loss. draw_weights: (S,) how often each is drawn, or None.
    """

    images: ImageStore
    targets: Targets
    weights: Tensor
    draw_weights: Tensor | None = None
    val: PlainImages | None = None
    val_targets: Targets | None = None


class TrainingModule(lightning.LightningModule):
    """One network in training."""

    _weights: Tensor

    def __init__(
        self,
        net: HierarchicalNet,
        loss: TrainingLoss,
        data: TrainingData,
        config: TrainingConfig,
        input_stats: tuple[Tensor, Tensor],
    ) -> None:
        super().__init__()
        freeze_blocks(net.backbone, config.trainable)
        self.net = net
        self.ema = ModelEmaV3(net, decay=config.ema_decay, use_warmup=True) if config.ema_decay else None
        if self.ema is not None:
            self.ema.requires_grad_(requires_grad=False)
        self.loss = loss
        self._mixing = Mixing(config)
        self._targets, self._val_targets = data.targets, data.val_targets
        self._data = data
        self._config = config
        self._input_stats = input_stats
        self.register_buffer("_weights", data.weights, persistent=False)

    def train_dataloader(self) -> DataLoader[Batch]:
        """The loader of the current epoch; the trainer asks anew for each."""
        draw = Draw(self._data.draw_weights, self.global_rank, self.trainer.world_size)
        return epoch_loader(self._data.images, self._config, self.current_epoch, draw)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The images that early stopping watches. Raises TrainingError when there are none."""
        if self._data.val is None:
            raise TrainingError("early stopping needs held-out images")
        return DataLoader(self._data.val, _VAL_BATCH)

    def on_train_epoch_start(self) -> None:
        """Make every random choice of the epoch follow from (seed, epoch, process)."""
        torch.manual_seed(epoch_seed(self._config, self.current_epoch) - 1 - self.global_rank)
        rest_frozen_norms(self.net.backbone)

    def training_step(self, batch: Batch, _batch_index: int) -> Tensor:
        """The weighted mean loss of one batch."""
        pixels, positions = batch
        mixes = self._config.mixes_at(self.current_epoch)
        images, shares = self._mixing(normalise(pixels, *self._input_stats), mixes=mixes)
        losses = self.loss(self.net(images), self._targets(positions), shares)
        if not torch.isfinite(losses).all():
            raise TrainingError(f"the loss is not finite in epoch {self.current_epoch}: lower the learning rate")
        weights = self._weights[positions]
        mean: Tensor = (losses * weights).sum() / weights.sum().clamp_min(1e-12)
        return mean

    def validation_step(self, batch: Batch, _batch_index: int) -> None:
        """Log the mean loss on held-out labels, unsmoothed, under the weights that would be kept now."""
        pixels, positions = batch
        logits = self.trained()(normalise(pixels, *self._input_stats))
        losses = self.loss.plain(logits, cast("Targets", self._val_targets)(positions))
        self.log(VAL_LOSS, losses.mean(), on_epoch=True, batch_size=len(pixels), sync_dist=True)

    def on_train_batch_end(self, *_: Any) -> None:
        """Update the moving average of the weights."""
        if self.ema is not None:
            self.ema.update(self.net, step=self.global_step)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW under one cycle of the learning rate (Smith and Topin 2018): warm-up, then a cosine."""
        groups = parameter_groups(self.net, self._config)
        optimizer = torch.optim.AdamW(groups, lr=self._config.learning_rate)
        batches = len(self.train_dataloader())
        steps = -(-batches // self._config.accumulate_batches) * self._config.epochs
        rates = [group["lr"] for group in groups]
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, rates, total_steps=steps, pct_start=self._config.warmup_fraction
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def trained(self) -> HierarchicalNet:
        """The network to keep: the moving average where there is one."""
        return self.net if self.ema is None else cast("HierarchicalNet", self.ema.module)
