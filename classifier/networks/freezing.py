"""How much of a backbone is trained, and how fast each of its blocks learns."""

from typing import Any

from timm.models import group_parameters
from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from torch import nn

from classifier.config import TrainingConfig
from classifier.errors import TrainingError
from classifier.networks.heads import HierarchicalNet


def freeze_blocks(backbone: nn.Module, trainable: str) -> None:
    """Leave all of a backbone trainable ("all"), its last N blocks ("last:N"), or nothing of it ("head").

    Blocks are timm's own, the stem being the first. Raises TrainingError when timm knows no blocks of this backbone.
    """
    if trainable == "all":
        return
    blocks = _blocks(backbone)
    kept = 0 if trainable == "head" else int(trainable.partition(":")[2])
    first = max(blocks.values(), default=0) + 1 - kept
    for name, parameter in backbone.named_parameters():
        parameter.requires_grad_(blocks.get(name, 0) >= first)


def rest_frozen_norms(backbone: nn.Module) -> None:
    """Put every fully frozen part into evaluation mode, so that its running statistics do not change."""
    for module in backbone.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()


def parameter_groups(net: HierarchicalNet, config: TrainingConfig) -> list[dict[str, Any]]:
    """Groups for AdamW with `lr` and `weight_decay`: norms and biases do not decay, earlier blocks learn more slowly.

    Source of the layer-wise decay: Bao et al. 2021, "BEiT".
    """
    if config.layer_decay == 1:
        groups = param_groups_weight_decay(net, config.weight_decay)
    else:
        groups = param_groups_layer_decay(net.backbone, config.weight_decay, layer_decay=config.layer_decay)
        groups += param_groups_weight_decay(net.heads, config.weight_decay)
    return [
        {
            "params": group["params"],
            "weight_decay": group["weight_decay"],
            "lr": config.learning_rate * group.get("lr_scale", 1.0),
        }
        for group in groups
        if group["params"]
    ]


def _blocks(backbone: nn.Module) -> dict[str, int]:
    matcher: Any = getattr(backbone, "group_matcher", None)
    if matcher is None:
        raise TrainingError(f"{type(backbone).__name__} has no blocks that could be frozen; train 'all' or the 'head'")
    blocks: dict[str, int] = group_parameters(backbone, matcher(coarse=True), reverse=True)
    return blocks
