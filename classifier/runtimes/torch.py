"""The torch runtime: batch norms folded into convolutions, bfloat16 where the processor has it."""

import copy
import logging
from collections.abc import Iterator
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from classifier.config import Precision
from classifier.images.tensors import normalise
from classifier.networks.devices import has_bfloat16
from classifier.networks.heads import HierarchicalNet

log = logging.getLogger("cladist.serving")

_TOLERANCE = 1e-3  # of the largest feature: what float32 may lose by folding, and far less than a wrong fold changes


class ServingNet(HierarchicalNet):
    """(B, 3, H, W) normalised float32 images -> (B, C) float32 logits.

    The backbone computes in `dtype`, the heads always in float32.
    """

    def __init__(self, backbone: nn.Module, heads: nn.Module, dtype: torch.dtype) -> None:
        super().__init__(backbone.to(dtype), heads)
        self._dtype = dtype

    def features(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) float32 -> (B, D) float32."""
        return super().features(images.to(self._dtype)).float()


class TorchRuntime:
    """A `Runtime` that runs a network with torch on one device, in evaluation mode.

    stats: mean and std of the channels, see `classifier.images.tensors.channel_stats`.
    """

    def __init__(self, net: HierarchicalNet, device: torch.device, stats: tuple[Tensor, Tensor]) -> None:
        self._net = net.to(device).eval()
        self._device = device
        self._stats = stats

    def __call__(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) uint8 -> (B, C) on the runtime's device."""
        with torch.inference_mode():
            logits: Tensor = self._net(normalise(pixels.to(self._device), *self._stats))
        return logits


def serving_net(net: HierarchicalNet, device: torch.device, size_px: int, precision: Precision = "auto") -> ServingNet:
    """The network as it is served, in evaluation mode on a device; the one given is left as it is.

    precision: of the backbone; auto is bfloat16 where the device computes in it, else float32.
    """
    backbone = folded(net.backbone, size_px)
    heads = copy.deepcopy(net.heads)
    is_bfloat16 = precision == "bfloat16" or (precision == "auto" and has_bfloat16(device))
    served = ServingNet(backbone, heads, torch.bfloat16 if is_bfloat16 else torch.float32).eval()
    return served.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def folded(backbone: nn.Module, size_px: int) -> nn.Module:
    """A copy with each batch norm folded into the convolution before it, in evaluation mode.

    That a norm follows a convolution is read off the order of the modules and then tested on images of noise: a
    network that answers otherwise than before is copied without folding.
    """
    plain = copy.deepcopy(backbone).eval().cpu()
    if next(_pairs(plain), None) is None:
        return plain
    found = copy.deepcopy(plain)
    for parent, first, second in list(_pairs(found)):
        convolution = cast("nn.Conv2d", parent.get_submodule(first))
        norm = cast("nn.BatchNorm2d", parent.get_submodule(second))
        parent.set_submodule(first, fuse_conv_bn_eval(convolution, norm))
        parent.set_submodule(second, nn.Sequential(*norm.children()))
    noise = torch.randn(2, 3, size_px, size_px, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before, after = plain(noise), found(noise)
    if (after - before).abs().max() <= _TOLERANCE * before.abs().max():
        return found
    log.warning("%s: its batch norms cannot be folded", type(backbone).__name__)
    return plain


def _pairs(net: nn.Module) -> Iterator[tuple[nn.Module, str, str]]:
    """(parent, name of a convolution, name of the norm after it); the norm's own children, an activation say, stay."""
    for parent in net.modules():
        for (first, before), (second, norm) in pairwise(parent.named_children()):
            is_stem = isinstance(before, nn.Sequential) and len(before) > 0  # of several layers: its last one counts
            name = f"{first}.{list(dict(before.named_children()))[-1]}" if is_stem else first
            convolution = parent.get_submodule(name)
            if not isinstance(convolution, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
                continue
            if convolution.out_channels == norm.num_features and norm.running_mean is not None:
                yield parent, name, second
