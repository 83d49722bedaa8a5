"""Train a network with Lightning: resumable at every epoch, and the same by seed whether it was interrupted or not."""

import logging
import signal
import warnings
from pathlib import Path
from typing import Any, cast

import lightning
import torch
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from timm.optim import param_groups_weight_decay
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from classifier.config import TrainingConfig
from classifier.dataset import Batch, ImageStore, epoch_loader, epoch_seed
from classifier.errors import TrainingError
from classifier.heads import HierarchicalNet
from classifier.images import normalise
from classifier.method import Output
from classifier.progress import Progress

CHECKPOINT_GLOB = "epoch=*.ckpt"


class TrainingModule(lightning.LightningModule):
    """One network in training. labels: (S,) int64 columns; weights: (S,) float."""

    _labels: Tensor
    _weights: Tensor

    def __init__(
        self,
        net: HierarchicalNet,
        output: Output,
        images: ImageStore,
        labels: Tensor,
        weights: Tensor,
        config: TrainingConfig,
        input_stats: tuple[Tensor, Tensor],
    ) -> None:
        super().__init__()
        self.net = net
        self.ema = ModelEmaV3(net, decay=config.ema_decay, use_warmup=True) if config.ema_decay else None
        self.output = output
        self._images = images
        self._config = config
        self._cutmix = v2.CutMix(num_classes=output.column_count)
        self.register_buffer("_labels", labels, persistent=False)
        self.register_buffer("_weights", weights, persistent=False)
        self._input_stats = input_stats

    def train_dataloader(self) -> DataLoader[Batch]:
        """The loader of the current epoch; the trainer asks anew for each."""
        return epoch_loader(self._images, self._config, self.current_epoch)

    def on_train_epoch_start(self) -> None:
        """Make every random choice of the epoch follow from (seed, epoch)."""
        torch.manual_seed(epoch_seed(self._config, self.current_epoch) - 1)

    def training_step(self, batch: Batch, _batch_index: int) -> Tensor:
        """The weighted mean loss of one batch."""
        pixels, positions = batch
        images, targets = self._mixed(normalise(pixels, *self._input_stats), self._labels[positions])
        losses = self.output.loss(self.net(images), self._smoothed(targets))
        if not torch.isfinite(losses).all():
            raise TrainingError(f"the loss is not finite in epoch {self.current_epoch}: lower the learning rate")
        weights = self._weights[positions]
        return (losses * weights).sum() / weights.sum().clamp_min(1e-12)

    def on_train_batch_end(self, *_: Any) -> None:
        """Follow the weights with their moving average."""
        if self.ema is not None:
            self.ema.update(self.net, step=self.global_step)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW under one cycle of the learning rate (Smith and Topin 2018), a step a batch."""
        groups = param_groups_weight_decay(self.net, self._config.weight_decay)
        optimizer = torch.optim.AdamW(groups, lr=self._config.learning_rate)
        steps = len(self.train_dataloader()) * self._config.epochs
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self._config.learning_rate, total_steps=steps, pct_start=self._config.warmup_fraction
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def trained(self) -> HierarchicalNet:
        """The network to keep: the moving average where there is one."""
        return self.net if self.ema is None else cast("HierarchicalNet", self.ema.module)

    def _mixed(self, images: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        plain_from = self._config.epochs * (1 - self._config.plain_tail_fraction)
        mix = torch.rand(()).item() < self._config.cutmix_probability and self.current_epoch < plain_from
        if mix and len(images) > 1:
            mixed: tuple[Tensor, Tensor] = self._cutmix(images, columns)
            return mixed
        return images, nn.functional.one_hot(columns, self.output.column_count).float()

    def _smoothed(self, targets: Tensor) -> Tensor:
        share = self._config.label_smoothing
        if not share:
            return targets
        even = self.output.terminal_columns
        smoothed = targets * (1 - share)
        smoothed[:, even] += share / len(even)
        return smoothed


class _Report(Callback):
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._loss = 0.0

    def on_train_batch_end(
        self, trainer: lightning.Trainer, _module: lightning.LightningModule, outputs: Any, *_: Any
    ) -> None:
        loss = float(outputs["loss"])
        self._loss = loss if trainer.global_step <= 1 else 0.98 * self._loss + 0.02 * loss
        total = int(trainer.num_training_batches) * (trainer.max_epochs or 1)
        note = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}, loss {self._loss:.2f}"
        self._progress("train", trainer.global_step, total, note)


def fit(module: TrainingModule, config: TrainingConfig, folder: Path, progress: Progress, *, resume: bool) -> None:
    """Train to the end, leaving a checkpoint in `folder` after every epoch; with `resume` go on from the newest."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    keep_newest = ModelCheckpoint(folder, "{epoch:05d}", save_top_k=1, save_on_train_epoch_end=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PossibleUserWarning)  # advice on loader workers and logging intervals
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")  # it holds training.json
        warnings.filterwarnings("ignore", ".*LeafSpec.*is deprecated", FutureWarning)  # Lightning 2.6 on torch 2.15
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            max_epochs=config.epochs,
            precision=_precision(config.precision),
            callbacks=[keep_newest, _Report(progress)],
            reload_dataloaders_every_n_epochs=1,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(module, ckpt_path=_newest_checkpoint(folder) if resume else None)
        except SystemExit:  # Lightning's answer to Ctrl-C, after which it leaves the signal ignored
            signal.signal(signal.SIGINT, interrupt)
            raise KeyboardInterrupt from None


def _newest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint: one cut off while it was written is passed over; None starts from the beginning."""
    for path in sorted(folder.glob(CHECKPOINT_GLOB), reverse=True):
        try:
            torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except Exception:  # noqa: BLE001, S112 (a torn file raises almost anything; an older one may be whole)
            continue
        return path
    return None


def _precision(wanted: str) -> Any:
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    return "bf16-mixed" if torch.cpu.get_capabilities().get("avx512_bf16") else "32-true"
