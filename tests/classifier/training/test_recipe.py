"""The parts of the training recipe: each can be turned on, does what it says, and refuses what it cannot."""

from pathlib import Path

import pytest
import torch
from fixture_types import LabelsOf

from classifier.bundles.bundle import Bundle
from classifier.config import TrainingConfig
from classifier.data.dataset import Draw
from classifier.errors import TrainingError
from classifier.networks.backbone import make_backbone
from classifier.networks.freezing import freeze_blocks, parameter_groups, rest_frozen_norms
from classifier.networks.heads import HierarchicalNet, LevelHeads
from classifier.training.mixing import Mixing
from classifier.training.train import train_bundle
from taxonomy import Hierarchy


@pytest.fixture
def net(tree: Hierarchy) -> HierarchicalNet:
    """A fresh network on the tree."""
    backbone = make_backbone("test_resnet")
    return HierarchicalNet(backbone.network, LevelHeads(backbone.feature_count, tree))


def trained(painted: Path, labels_of: LabelsOf, config: TrainingConfig, name: str = "bundle") -> Bundle:
    return train_bundle(*labels_of(painted), painted / name, config)


@pytest.mark.parametrize(
    "options",
    [
        {"augmentation": "trivial", "erasing_probability": 0.5},
        {"augmentation": "rand", "mixup_probability": 0.5, "cutmix_probability": 0.5},
        {"loss": "margin", "ancestor_share": 0.2},
        {"class_weights": "effective", "resampling": "sqrt", "logit_adjustment": 0.5},
        {"accumulate_batches": 3, "clip_norm": 1.0},
        {"layer_decay": 0.7, "trainable": "last:2"},
        {"ema_decay": 0.0, "plain_tail_fraction": 1.0},
    ],
    ids="+".join,
)
def test_every_part_trains(
    painted: Path, labels_of: LabelsOf, quick: TrainingConfig, options: dict[str, object]
) -> None:
    """Each part of the recipe ends in a bundle that keeps it."""
    bundle = trained(painted, labels_of, quick.changed({**options, "epochs": 2}))
    assert options.items() <= bundle.info.training.model_dump().items()


def test_the_same_seed_gives_the_same_weights(painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    """With every random part on."""
    config = quick.changed({"epochs": 2, "augmentation": "trivial", "erasing_probability": 0.3, "resampling": "sqrt",
                            "mixup_probability": 0.4})  # fmt: skip
    first, second = (trained(painted, labels_of, config, name) for name in ("first", "second"))
    assert first.version == second.version


def test_training_stops_when_val_no_longer_gains(painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    """The bundle holds the weights of the best epoch: those of a training that had no more epochs than that."""
    heard: list[str] = []
    config = quick.changed({"patience_epochs": 1, "epochs": 40, "learning_rate": 0.3, "ema_decay": 0.0})
    train_bundle(*labels_of(painted), painted / "b", config, progress=lambda *words: heard.append(words[3]))
    last = max(int(note.split()[1].partition("/")[0]) for note in heard if note.startswith("epoch"))
    assert last < 40
    assert not (painted / "b.training").exists()


def test_mixing_tells_the_share_of_every_image() -> None:
    """Rows that sum to one and name two images at most; not at all in the plain epochs."""
    mixing = Mixing(TrainingConfig(cutmix_probability=0.5, mixup_probability=0.5))
    images = torch.rand(4, 3, 16, 16)
    torch.manual_seed(1)
    for _ in range(10):
        _, shares = mixing(images, mixes=True)
        assert shares is not None
        assert shares.sum(dim=1).tolist() == pytest.approx([1.0] * 4)
        assert (shares > 0).sum(dim=1).max() <= 2
    same, shares = mixing(images, mixes=False)
    assert same is images
    assert shares is None


@pytest.mark.parametrize(("trainable", "share"), [("all", 1.0), ("head", 0.0)])
def test_what_of_the_backbone_is_trained(net: HierarchicalNet, trainable: str, share: float) -> None:
    freeze_blocks(net.backbone, trainable)
    parameters = list(net.backbone.parameters())
    assert sum(parameter.requires_grad for parameter in parameters) == share * len(parameters)
    assert all(parameter.requires_grad for parameter in net.heads.parameters())


def test_the_last_blocks_alone(net: HierarchicalNet) -> None:
    """The stem rests, the last block learns, and resting norms keep their statistics."""
    freeze_blocks(net.backbone, "last:1")
    flags = [parameter.requires_grad for _, parameter in net.backbone.named_parameters()]
    assert flags[-1]
    assert not flags[0]
    net.train()
    rest_frozen_norms(net.backbone)
    norms = [part for part in net.backbone.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert {norm.training for norm in norms} == {True, False}
    assert all(norm.training == norm.weight.requires_grad for norm in norms)


def test_earlier_blocks_learn_more_slowly(net: HierarchicalNet) -> None:
    """From the heads down to the stem the learning rate falls; norms and biases do not decay."""
    config = TrainingConfig(layer_decay=0.5, learning_rate=1.0, weight_decay=0.1)
    groups = parameter_groups(net, config)
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    decays = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}
    parameters = dict(net.named_parameters())
    assert rates.keys() == {id(parameter) for parameter in parameters.values()}
    assert all(rates[id(parameter)] == 1.0 for parameter in net.heads.parameters())
    first = next(iter(net.backbone.parameters()))
    assert rates[id(first)] < 0.2
    assert {decays[id(parameter)] for parameter in parameters.values() if parameter.ndim == 1} == {0.0}


def test_processes_share_an_epoch_out() -> None:
    """Every process takes equally many, none takes what another takes, and all know the same order."""
    orders = [Draw(None, rank, 3).order(20, torch.Generator().manual_seed(5)) for rank in range(3)]
    assert [len(order) for order in orders] == [6, 6, 6]
    assert len(set().union(*orders)) == 18


def test_draws_follow_the_weights() -> None:
    weights = torch.tensor([0.0, 1.0, 3.0])
    drawn = Draw(weights).order(3, torch.Generator().manual_seed(0))
    many = [Draw(weights).order(3, torch.Generator().manual_seed(seed)) for seed in range(300)]
    counts = torch.bincount(torch.tensor(many).flatten(), minlength=3)
    assert len(drawn) == 3
    assert counts[0] == 0
    assert counts[2] / counts[1] == pytest.approx(3.0, rel=0.3)


def test_two_processes_train_together(painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    """Lightning's DDP on two processes of this machine gives a whole bundle."""
    bundle = trained(painted, labels_of, quick.changed({"devices": 2, "epochs": 1}))
    assert bundle.info.training.devices == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epoch": 3}, "training option epoch: Extra inputs"),
        ({"epochs": "many"}, "training option epochs: "),
        ({"trainable": "last:0"}, "training option trainable: "),
        ({"cutmix_probability": 0.8}, "cutmix_probability 0.8 and mixup_probability 0.25 add up to more than 1"),
    ],
)
def test_options_that_are_none(options: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        TrainingConfig().changed(options)
