"""One linear head per level, and the whole network: backbone and heads."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from taxonomy import Hierarchy

_INIT_STD = 0.01  # small, so that training starts from nearly equal terminals


class LevelHeads(nn.Module):
    """(B, D) features -> (B, C) logits: the nodes of level 1, 2, ... in order, then the "stop here" logits.

    Without `stops` there are none of those, so that C = N.
    """

    def __init__(self, feature_count: int, hierarchy: Hierarchy, *, stops: bool = True) -> None:
        super().__init__()
        widths = [level.stop - level.start for level in hierarchy.level_slices]
        if stops and len(hierarchy.inner_terminals):
            widths.append(len(hierarchy.inner_terminals))
        self.heads = nn.ModuleList(_head(feature_count, width) for width in widths)

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) -> (B, C)."""
        return torch.cat([head(features) for head in self.heads], dim=1)

    @torch.no_grad()
    def start_at(self, probs: Tensor) -> None:
        """Set the biases so that the first sigmoids lie near these frequencies (C,), in (0, 1)."""
        end = 0
        for head in self.heads:
            bias = cast("nn.Linear", head).bias
            start, end = end, end + len(bias)
            bias.copy_(torch.logit(probs[start:end]))


def narrowed(feature_count: int, width: int, make_heads: Callable[[int], nn.Module]) -> nn.Module:
    """Heads behind a bias-free linear map from the backbone's features to `width`; 0 leaves the map out.

    A wide taxonomy on a wide backbone has most of its weights in the heads: D * C of them. This makes it
    D * width + width * C.
    """
    if not width:
        return make_heads(feature_count)
    return nn.Sequential(nn.Linear(feature_count, width, bias=False), make_heads(width))


def _head(feature_count: int, width: int) -> nn.Linear:
    head = nn.Linear(feature_count, width)
    nn.init.normal_(head.weight, std=_INIT_STD)
    nn.init.zeros_(head.bias)
    return head


class HierarchicalNet(nn.Module):
    """(B, 3, H, W) normalised images -> (B, C) logits."""

    def __init__(self, backbone: nn.Module, heads: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = heads

    def features(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, D)."""
        found: Tensor = self.backbone(images)
        return found

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, C)."""
        logits: Tensor = self.heads(self.features(images))
        return logits
