"""Run a training with Lightning: it can be resumed after every epoch, and resuming does not change the result."""

import logging
import signal
import warnings
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint

from classifier.config import TrainingConfig
from classifier.networks.devices import default_device, has_bfloat16
from classifier.progress import Progress, silent
from classifier.training.module import VAL_LOSS, TrainingModule

CHECKPOINT_GLOB = "epoch=*.ckpt"
BEST = "best"


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


def run_training(
    module: TrainingModule, config: TrainingConfig, folder: Path, progress: Progress, *, resume: bool
) -> None:
    """Train to the end, leaving a checkpoint in `folder` after every epoch; with `resume` go on from the newest.

    With `patience_epochs` training may end sooner, and the module holds the weights with the least loss on val.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    newest = ModelCheckpoint(folder, "{epoch:05d}", save_top_k=1, save_on_train_epoch_end=True)
    best = ModelCheckpoint(folder, BEST, monitor=VAL_LOSS, save_weights_only=True, enable_version_counter=False)
    callbacks: list[Callback] = [newest, _Report(progress if config.devices == 1 else silent)]
    if config.patience_epochs:
        callbacks += [best, EarlyStopping(VAL_LOSS, patience=config.patience_epochs)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PossibleUserWarning)  # advice on loader workers and logging intervals
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")  # it holds training.json
        warnings.filterwarnings("ignore", ".*LeafSpec.*is deprecated", FutureWarning)  # Lightning 2.6 on torch 2.15
        trainer = _trainer(config, callbacks)
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(module, ckpt_path=_newest_checkpoint(folder) if resume else None)
        except SystemExit:  # Lightning's answer to Ctrl-C, after which it leaves the signal ignored
            signal.signal(signal.SIGINT, interrupt)
            raise KeyboardInterrupt from None
    if config.patience_epochs and Path(best.best_model_path).is_file():
        state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
        module.load_state_dict(state)


def _trainer(config: TrainingConfig, callbacks: list[Callback]) -> lightning.Trainer:
    alone = config.devices == 1
    return lightning.Trainer(
        accelerator="auto",
        devices=config.devices,
        strategy="auto" if alone else "ddp_spawn" if torch.cuda.is_available() else "ddp_fork",
        use_distributed_sampler=False,  # epoch_loader shares an epoch out itself
        sync_batchnorm=not alone and torch.cuda.is_available(),
        max_epochs=config.epochs,
        precision=_precision(config.precision),
        accumulate_grad_batches=config.accumulate_batches,
        gradient_clip_val=config.clip_norm or None,
        callbacks=callbacks,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        limit_val_batches=None if config.patience_epochs else 0,
        logger=False,
        enable_progress_bar=not alone,  # Lightning's own, as `progress` does not reach other processes
        enable_model_summary=False,
    )


def _newest_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint, None without any; one cut off while it was written is skipped."""
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
    if has_bfloat16(default_device()):
        return "bf16-mixed"
    return "16-mixed" if torch.cuda.is_available() else "32-true"
