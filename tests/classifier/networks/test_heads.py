"""Heads straight from the backbone's features, and narrowed ones."""

from pathlib import Path

import pytest
import torch
from torch import nn

from classifier.bundles.bundle import make_net
from classifier.bundles.calibration import Calibration
from classifier.bundles.info import BundleInfo
from classifier.bundles.writing import write_bundle
from classifier.config import TrainingConfig
from classifier.networks.heads import LevelHeads, narrowed
from taxonomy import Hierarchy, Node, Taxonomy


def weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_narrowed_heads_have_fewer_weights_and_as_many_logits(dag: Hierarchy) -> None:
    """D * W + W * C + C weights in place of D * C + C; a width of 0 changes nothing."""
    columns = len(dag) + len(dag.inner_terminals)
    straight, narrow = (narrowed(64, width, lambda size: LevelHeads(size, dag)) for width in (0, 4))
    assert weights(straight) == 64 * columns + columns
    assert weights(narrow) == 64 * 4 + 4 * columns + columns
    features = torch.randn(3, 64)
    assert straight(features).shape == narrow(features).shape == (3, columns)


@pytest.mark.parametrize("width", [0, 8])
def test_a_bundle_keeps_the_width_of_its_heads(tmp_path: Path, width: int) -> None:
    """What is written with narrowed heads is read with them, and says the same."""
    taxonomy = Taxonomy([Node("A", "A"), Node("a", "a", ("A",)), Node("b", "b", ("A",))])
    hierarchy = Hierarchy.compile(taxonomy)
    config = TrainingConfig(backbone="test_resnet", head_width=width)
    info = BundleInfo(backbone="test_resnet", image_size_px=32, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2),
                      release=hierarchy.release, training=config, libraries={})  # fmt: skip
    net = make_net("test_resnet", hierarchy, width).eval()
    images = torch.randn(2, 3, 32, 32)
    again = write_bundle(tmp_path / "bundle", net, info, taxonomy, Calibration()).load_net()
    torch.testing.assert_close(again(images), net(images))
