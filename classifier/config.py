"""How a model is trained: one typed object, saved with the bundle."""

from pydantic import BaseModel, ConfigDict, Field


class TrainingConfig(BaseModel):
    """The training recipe. Its defaults train a small network from scratch on a laptop's processor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: str = "resnet10t"
    epochs: int = Field(default=30, ge=1)
    image_size_px: int = Field(default=112, ge=32, le=1024)
    start_size_px: int = Field(default=64, ge=32, le=1024)  # images grow from this to image_size_px while training
    test_scale: float = Field(default=1.15, ge=1, le=2)  # evaluation sees larger images: Touvron et al. 2019, "FixRes"
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=3e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    warmup_fraction: float = Field(default=0.15, ge=0, lt=1)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)  # weight spread evenly over the terminals
    cutmix_probability: float = Field(default=0.5, ge=0, le=1)
    plain_tail_fraction: float = Field(default=0.1, ge=0, le=1)  # last share of epochs without CutMix
    crop_min_area: float = Field(default=0.35, gt=0, le=1)
    color_jitter: float = Field(default=0.3, ge=0, le=1)
    ema_decay: float = Field(default=0.998, ge=0, lt=1)  # 0 turns the average of the weights off
    precision: str = "auto"  # bf16 where the processor has it, else 32
    seed: int = 0
    target_accuracy: float = Field(default=0.95, gt=0, lt=1)

    @property
    def test_size_px(self) -> int:
        """The side of the images at evaluation and prediction, a multiple of 16."""
        return 16 * round(self.image_size_px * self.test_scale / 16)

    def size_at(self, epoch: int) -> int:
        """The side of the training images in an epoch, a multiple of 16; full size for the last sixth."""
        growing = max(1.0, (self.epochs - 1) * 5 / 6)
        first = min(self.start_size_px, self.image_size_px)
        size = first + (self.image_size_px - first) * min(1.0, epoch / growing)
        return min(self.image_size_px, max(32, 16 * round(size / 16)))
