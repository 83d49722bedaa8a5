"""From a labels.csv to a bundle: train, calibrate on held-out images, measure, write."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from classifier.bundles.bundle import Bundle
from classifier.bundles.calibration import adapted_calibration
from classifier.bundles.info import BundleInfo, library_versions
from classifier.bundles.metrics import Metrics
from classifier.bundles.writing import write_bundle, write_calibration, write_metrics
from classifier.calibration.fit import calibrate
from classifier.calibration.options import CalibrationOptions
from classifier.config import TrainingConfig
from classifier.data.dataset import check_images
from classifier.data.manifest import Manifest, Sample
from classifier.errors import TrainingError
from classifier.evaluation.labelled_run import Model, open_model
from classifier.images.tensors import channel_stats
from classifier.networks.backbone import Backbone, make_backbone
from classifier.networks.devices import default_device
from classifier.networks.heads import HierarchicalNet, narrowed
from classifier.outputs.modes import SingleLabel
from classifier.progress import Progress, silent
from classifier.runtimes.torch import serving_net
from classifier.training.module import TrainingModule
from classifier.training.objective import make_data, make_objective
from classifier.training.trainer import CHECKPOINT_GLOB, run_training
from classifier.training.warm_start import warm_start
from taxonomy import CladistError, Hierarchy, Taxonomy, release
from taxonomy.changes.diff import Difference
from taxonomy.errors import first_line

Start = tuple[Bundle, Difference]  # a bundle to begin with, and what changed from its release to that of the training

_HELD_OUT_EVERY = 10  # without a val split, every tenth training sample calibrates


def train_bundle(
    manifest: Manifest,
    taxonomy: Taxonomy,
    out: Path,
    config: TrainingConfig,
    *,
    checkpoint: Path | None = None,
    start: Start | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> Bundle:
    """Train on the train split, calibrate and measure on val, and write the bundle to `out`.

    While it trains, checkpoints lie in `out`.training; with `resume` training goes on from there and ends as if it had
    not been interrupted. Raises CladistError on bad input, before any training.
    """
    if out.exists():
        raise TrainingError("exists already; choose another --out or remove it", source=out)
    work = out.with_name(f"{out.name}.training")
    train, val, val_name = training_splits(manifest)
    _claim_folder(work, _fingerprint(config, train, taxonomy), resume=resume)
    hierarchy = Hierarchy.compile(taxonomy)
    with _removed_unless_resumable(work):
        check_images(val, config)
        model, backbone = train_model(
            train,
            hierarchy,
            config,
            work,
            val=val,
            checkpoint=checkpoint,
            start=start,
            resume=resume,
            progress=progress,
        )
    served = replace(model, net=serving_net(model.net, default_device(), model.size_px))
    options = CalibrationOptions(config.target_accuracy)
    calibration = calibrate(served, val, val_name, options, progress, need_threshold=False)
    metrics = served.answers(val, calibration, progress).metrics(calibration)
    bundle = write_bundle(out, model.net, bundle_info(config, backbone, hierarchy), taxonomy, calibration)
    write_metrics(bundle, val_name, metrics)
    shutil.rmtree(work)
    return bundle


@contextmanager
def _removed_unless_resumable(work: Path) -> Iterator[None]:
    """Where training fails before its first checkpoint, remove the folder: the same command may be given again."""
    try:
        yield
    except (CladistError, OSError) as error:
        if not any(work.glob(CHECKPOINT_GLOB)):
            shutil.rmtree(work)
        if isinstance(error, OSError):  # a full disk, say
            raise TrainingError(f"cannot be written: {first_line(error)}", source=work) from None
        raise


def bundle_info(config: TrainingConfig, backbone: Backbone, hierarchy: Hierarchy) -> BundleInfo:
    """The bundle.json of a training."""
    return BundleInfo(
        backbone=config.backbone,
        mode=config.mode,
        image_size_px=config.test_size_px,
        mean=backbone.mean,
        std=backbone.std,
        release=hierarchy.release,
        training=config,
        libraries=library_versions(),
    )


def train_model(
    samples: Sequence[Sample],
    hierarchy: Hierarchy,
    config: TrainingConfig,
    work: Path,
    *,
    val: Sequence[Sample] = (),
    baseline: SingleLabel | None = None,
    checkpoint: Path | None = None,
    start: Start | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> tuple[Model, Backbone]:
    """Train a network by the recipe; `work` holds its checkpoints, `val` is what early stopping watches.

    baseline: other heads and another output than those of the recipe's mode.
    """
    torch.manual_seed(config.seed)
    backbone = make_backbone(config.backbone, checkpoint, pretrained=False if resume or start else None)
    objective = make_objective(samples, hierarchy, config, baseline)
    data = make_data(objective, samples, val if config.patience_epochs else (), hierarchy, config)
    heads = narrowed(backbone.feature_count, config.head_width, objective.make_heads)
    net = HierarchicalNet(backbone.network, heads)
    if start is not None:
        warm_start(net, hierarchy, *start)
    net = net.to(memory_format=torch.channels_last)
    stats = channel_stats(backbone.mean, backbone.std)
    data.images.fill(progress)
    module = TrainingModule(net, objective.loss, data, config, stats)
    run_training(module, config, work, progress, resume=resume)
    return Model(module.trained(), objective.output, objective.strategy, stats, config.test_size_px), backbone


def recalibrate_bundle(
    bundle: Bundle, samples: Sequence[Sample], split: str, options: CalibrationOptions, progress: Progress = silent
) -> Bundle:
    """Replace the bundle's calibration by one of these options, and measure it on the same samples for its card.

    Raises CalibrationError, and TaxonomyError on an unknown node.
    """
    model = open_model(bundle)
    calibration = calibrate(model, samples, split, options, progress)
    written = write_calibration(bundle, calibration)
    write_metrics(written, split, model.answers(samples, calibration, progress).metrics(calibration))
    return written


def evaluate_bundle(
    bundle: Bundle, samples: Sequence[Sample], progress: Progress = silent, difference: Difference | None = None
) -> Metrics:
    """The metrics of a bundle on samples that are labelled in its release, or in the other one of a `difference`."""
    model = open_model(bundle, difference)
    calibration = bundle.calibration if difference is None else adapted_calibration(bundle.calibration, difference)
    return model.answers(samples, calibration, progress).metrics(calibration)


def training_splits(manifest: Manifest) -> tuple[tuple[Sample, ...], tuple[Sample, ...], str]:
    """(training samples, held-out samples, what to call those).

    Without a val split every tenth training sample is held out. Raises ManifestError when nothing is left to train on.
    """
    train = manifest.split("train")
    if manifest.has_split("val"):
        return train, manifest.split("val"), "val"
    held_out = train[_HELD_OUT_EVERY - 1 :: _HELD_OUT_EVERY]
    if not held_out:
        raise TrainingError(
            f"{len(train)} training images are too few, and there is no val split", source=manifest.source
        )
    kept = tuple(sample for number, sample in enumerate(train, 1) if number % _HELD_OUT_EVERY)
    return kept, held_out, f"every {_HELD_OUT_EVERY}th of train"


def _claim_folder(work: Path, fingerprint: str, *, resume: bool) -> None:
    mark = work / "training.json"
    if resume:
        if not mark.is_file():
            raise TrainingError("no training to resume", source=work)
        if mark.read_text(encoding="utf-8") != fingerprint:
            raise TrainingError(
                "was started with other options, labels or taxonomy; give the same to resume", source=work
            )
        return
    if mark.exists():
        raise TrainingError("an unfinished training; --resume goes on with it, or remove the folder", source=work)
    if work.exists():
        raise TrainingError("is in the way and was not made by a training; move it", source=work)
    work.mkdir(parents=True)
    mark.write_text(fingerprint, encoding="utf-8")


def _fingerprint(config: TrainingConfig, samples: Sequence[Sample], taxonomy: Taxonomy) -> str:
    rows = [(str(sample.image), sample.node_id, sample.weight) for sample in samples]
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    return json.dumps({"config": config.model_dump(), "samples": digest, "release": release(taxonomy)}, sort_keys=True)
