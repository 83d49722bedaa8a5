"""The feature network: any timm model, from scratch, from the hub, or from a local checkpoint."""

from pathlib import Path
from typing import Any, NamedTuple

import timm
from timm.data.config import resolve_data_config
from timm.models import load_state_dict
from torch import nn

from classifier.config import names_weights
from classifier.errors import TrainingError
from taxonomy.errors import first_line


class Backbone(NamedTuple):
    """A feature network (B, 3, H, W) -> (B, D), its D, and the mean and std of its input, per channel in [0, 1]."""

    network: nn.Module
    feature_count: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def make_backbone(name: str, checkpoint: Path | None = None, *, pretrained: bool | None = None) -> Backbone:
    """Make a timm model without its classifier.

    A name with a tag (`resnet50.a1_in1k`) names pretrained weights, which timm fetches from its hub unless
    `pretrained` is False; a bare name starts from scratch. `checkpoint` (safetensors, or a weights-only .pth) is loaded
    over it; its classifier is left out. Raises TrainingError on an unknown name and on weights that do not fit.
    """
    if not timm.is_model(name):
        close = ", ".join(timm.list_models(f"{name.partition('.')[0][:6]}*")[:5])
        raise TrainingError(f"unknown backbone {name!r}" + (f"; close: {close}" if close else ""))
    fetch = (names_weights(name) and checkpoint is None) if pretrained is None else pretrained
    try:
        network = timm.create_model(name, pretrained=fetch, num_classes=0)
    except (OSError, RuntimeError, ValueError) as error:
        raise TrainingError(f"backbone {name!r}: {first_line(error)}") from None
    if checkpoint is not None:
        _load_checkpoint(network, checkpoint, name)
    config: dict[str, Any] = resolve_data_config({}, model=network)
    return Backbone(network, int(network.head_hidden_size), tuple(config["mean"]), tuple(config["std"]))


def _load_checkpoint(network: nn.Module, checkpoint: Path, name: str) -> None:
    if not checkpoint.is_file():
        raise TrainingError("no such checkpoint", source=checkpoint)
    try:
        state = load_state_dict(str(checkpoint), device="cpu", weights_only=True)
        wanted = network.state_dict()
        missing = sorted(wanted.keys() - state.keys())
        if missing:
            raise TrainingError(f"lacks {len(missing)} tensors of {name}, {missing[0]!r} for one", source=checkpoint)
        network.load_state_dict({key: state[key] for key in wanted})
    except TrainingError:
        raise
    except Exception as error:  # noqa: BLE001 (each driver raises errors of its own)
        raise TrainingError(f"not a checkpoint of {name}: {first_line(error)}", source=checkpoint) from None
