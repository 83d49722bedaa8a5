"""Mix the images of a batch: CutMix and mixup, with soft targets over the columns of the output."""

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from classifier.config import TrainingConfig


class Mixing(nn.Module):
    """(images (B, 3, S, S), columns (B,)) -> (images, targets (B, C)); the choice is drawn once for a batch."""

    def __init__(self, column_count: int, config: TrainingConfig) -> None:
        super().__init__()
        self._column_count = column_count
        self._cutmix_probability = config.cutmix_probability
        self._mixup_probability = config.mixup_probability
        self._cutmix = v2.CutMix(num_classes=column_count)
        self._mixup = v2.MixUp(alpha=config.mixup_alpha, num_classes=column_count)

    def forward(self, images: Tensor, columns: Tensor, *, mixes: bool) -> tuple[Tensor, Tensor]:
        """Mix, unless not `mixes`; every batch draws once, so that what follows does not depend on the choice."""
        drawn = torch.rand(()).item()
        mixed: tuple[Tensor, Tensor]
        if mixes and len(images) > 1 and drawn < self._cutmix_probability:
            mixed = self._cutmix(images, columns)
            return mixed
        if mixes and len(images) > 1 and drawn < self._cutmix_probability + self._mixup_probability:
            mixed = self._mixup(images, columns)
            return mixed
        return images, nn.functional.one_hot(columns, self._column_count).float()
