"""Bundles that nobody trained: what they say is arbitrary, and always the same."""

from pathlib import Path

import torch

from classifier.bundles.bundle import Bundle, make_net
from classifier.bundles.calibration import Calibration
from classifier.bundles.info import BundleInfo
from classifier.bundles.writing import write_bundle
from classifier.config import TrainingConfig
from classifier.networks.backbone import make_backbone
from taxonomy import Hierarchy, Taxonomy

BACKBONE = "test_resnet"
SIZE_PX = 32


def write_untrained(folder: Path, taxonomy: Taxonomy, calibration: Calibration, seed: int = 0) -> Bundle:
    """Write a whole bundle with the weights that a seed draws."""
    torch.manual_seed(seed)
    hierarchy = Hierarchy.compile(taxonomy)
    backbone = make_backbone(BACKBONE)
    info = BundleInfo(
        backbone=BACKBONE,
        image_size_px=SIZE_PX,
        mean=backbone.mean,
        std=backbone.std,
        release=hierarchy.release,
        training=TrainingConfig(backbone=BACKBONE, seed=seed),
        libraries={},
    )
    return write_bundle(folder, make_net(BACKBONE, hierarchy), info, taxonomy, calibration)
