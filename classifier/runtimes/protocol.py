"""What computes logits: whatever engine runs the network, it looks the same from outside."""

from typing import Protocol

from torch import Tensor


class Runtime(Protocol):
    """(B, 3, S, S) uint8 RGB pixels on any device -> (B, C) float logits, on the device that computed them."""

    def __call__(self, pixels: Tensor) -> Tensor:
        """The logits of one batch; S is the size of image that the bundle names."""
