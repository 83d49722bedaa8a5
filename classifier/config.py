"""How a model is trained: one typed object, saved with the bundle."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from classifier.errors import TrainingError

Mode = Literal["single", "multi"]  # one label an asset, or any number
Precision = Literal["auto", "float32", "bfloat16"]  # of a backbone that serves; auto: bfloat16 where it is fast

# options that a mode leaves at one value
_FIXED_OPTIONS: Mapping[Mode, Mapping[str, object]] = {
    "single": {},
    "multi": {"loss": "softmax", "ancestor_share": 0.0, "logit_adjustment": 0.0},
}


class TrainingConfig(BaseModel):
    """The training recipe. Its defaults train a small network from scratch on a laptop's processor."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mode: Mode = "single"

    # the network
    backbone: str = "resnet10t"
    warm_start: str = ""  # the model whose weights the training began with
    trainable: str = Field(default="all", pattern=r"^(all|head|last:[1-9]\d?)$")  # of the backbone's blocks: the last N
    head_width: int = Field(
        default=0, ge=0, le=65536
    )  # features that the heads see, mapped from the backbone's; 0: all

    # images
    image_size_px: int = Field(default=112, ge=32, le=1024)
    start_size_px: int = Field(default=64, ge=32, le=1024)  # images grow from this to image_size_px while training
    test_scale: float = Field(default=1.15, ge=1, le=2)  # evaluation sees larger images: Touvron et al. 2019, "FixRes"
    crop_min_area: float = Field(default=0.35, gt=0, le=1)
    color_jitter: float = Field(default=0.3, ge=0, le=1)
    augmentation: Literal["none", "trivial", "rand"] = (
        "none"  # Mueller 2021, "TrivialAugment"; Cubuk 2019, "RandAugment"
    )
    erasing_probability: float = Field(default=0.25, ge=0, le=1)  # Zhong et al. 2017, "Random erasing"
    cutmix_probability: float = Field(default=0.5, ge=0, le=1)  # of a batch; Yun et al. 2019, "CutMix"
    mixup_probability: float = Field(default=0.25, ge=0, le=1)  # of a batch; Zhang et al. 2017, "mixup"
    mixup_alpha: float = Field(default=0.2, gt=0)  # both shares come from Beta(alpha, alpha)
    plain_tail_fraction: float = Field(default=0.1, ge=0, le=1)  # last share of epochs without mixing

    # the objective; loss, smoothing, shares and adjustment are of the single-label mode
    loss: Literal["softmax", "margin"] = "softmax"  # margin: better where answers must be 90-95 % correct
    margin: float = Field(default=1.0, ge=0)  # for each edge between a terminal and the true one
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)  # weight spread evenly over the terminals
    ancestor_share: float = Field(default=0.0, ge=0, lt=1)  # weight of a label that its ancestors get, in equal parts
    class_weights: Literal["none", "effective"] = "none"  # Cui et al. 2019, "effective number of samples"
    effective_beta: float = Field(default=0.99, ge=0, lt=1)
    resampling: Literal["none", "sqrt"] = "none"  # draw rare nodes more often, by one over the root of their count
    logit_adjustment: float = Field(default=0.0, ge=0, le=2)  # Menon et al. 2021: the tau of tau * log prior

    # optimisation
    epochs: int = Field(default=30, ge=1)
    batch_size: int = Field(default=32, ge=1)
    accumulate_batches: int = Field(default=1, ge=1)  # batches to one step
    learning_rate: float = Field(default=6e-3, gt=0)  # from scratch; from_weights() has that of trained weights
    layer_decay: float = Field(default=1.0, gt=0, le=1)  # of the learning rate, from each block to the one before it
    weight_decay: float = Field(default=0.3, ge=0)
    warmup_fraction: float = Field(default=0.15, ge=0, lt=1)  # then a cosine
    clip_norm: float = Field(default=0.0, ge=0)  # of the gradient; 0: not clipped
    ema_decay: float = Field(default=0.998, ge=0, lt=1)  # 0 turns the average of the weights off
    patience_epochs: int = Field(default=0, ge=0)  # stop after so many epochs without a better val loss; 0: never
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"  # bf16 where the processor has it
    devices: int = Field(default=1, ge=1)  # processes that share a batch's gradient, each with a batch of its own
    seed: int = Field(default=0, ge=0, lt=2**31)

    # calibration
    target_accuracy: float = Field(default=0.95, gt=0, lt=1)

    @model_validator(mode="after")
    def _mixing_happens_once(self) -> Self:
        if self.cutmix_probability + self.mixup_probability > 1:
            shares = f"cutmix_probability {self.cutmix_probability:g} and mixup_probability {self.mixup_probability:g}"
            raise ValueError(f"{shares} add up to more than 1")
        return self

    @model_validator(mode="after")
    def _options_go_with_the_mode(self) -> Self:
        if any(getattr(self, name) != value for name, value in _FIXED_OPTIONS[self.mode].items()):
            raise ValueError("loss=margin, ancestor_share and logit_adjustment are of the single-label mode")
        return self

    @classmethod
    def fast(cls) -> Self:
        """A recipe of minutes, for a laptop: fewer epochs of smaller images, which are changed less."""
        return cls(epochs=12, image_size_px=96, erasing_probability=0.0, mixup_probability=0.0)

    def from_weights(self) -> Self:
        """This recipe for weights trained elsewhere: small steps, a light decay, and no small images to begin with."""
        gentle = {"learning_rate": min(self.learning_rate, 5e-4), "weight_decay": min(self.weight_decay, 0.05)}
        return self.model_copy(update={**gentle, "start_size_px": self.image_size_px})

    def changed(self, options: dict[str, Any]) -> Self:
        """This recipe with other values. Raises TrainingError, naming the option, on an unknown one or a bad value."""
        try:
            return type(self).model_validate({**self.model_dump(), **options})
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"])) or "options"
            raise TrainingError(f"training option {name}: {first['msg']}") from None

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

    def mixes_at(self, epoch: int) -> bool:
        """Whether images are mixed in an epoch: not in the last ones."""
        return epoch < self.epochs * (1 - self.plain_tail_fraction)


def names_weights(name: str) -> bool:
    """Whether a backbone's name has a tag, which stands for pretrained weights."""
    return "." in name
