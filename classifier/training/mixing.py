"""Mix the images of a batch: CutMix and mixup."""

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from classifier.config import TrainingConfig


class Mixing(nn.Module):
    """images (B, 3, S, S) -> (images, shares (B, B)): row i says how much of each image is in the i-th; they sum to 1.

    Shares are None where nothing was mixed. The choice is drawn once for a batch.
    """

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__()
        self._cutmix_probability = config.cutmix_probability
        self._mixup_probability = config.mixup_probability
        self._cutmix = v2.CutMix()
        self._mixup = v2.MixUp(alpha=config.mixup_alpha)

    def forward(self, images: Tensor, *, mixes: bool) -> tuple[Tensor, Tensor | None]:
        """Mix, unless not `mixes`; every batch draws once, so that what follows does not depend on the choice."""
        drawn = torch.rand(()).item()
        mixed: tuple[Tensor, Tensor]
        itself = torch.eye(len(images), device=images.device)
        if mixes and len(images) > 1 and drawn < self._cutmix_probability:
            mixed = self._cutmix(images, itself)
            return mixed
        if mixes and len(images) > 1 and drawn < self._cutmix_probability + self._mixup_probability:
            mixed = self._mixup(images, itself)
            return mixed
        return images, None
