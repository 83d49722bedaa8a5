"""The feature network: unknown names, local checkpoints, and checkpoints that are none."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from classifier.errors import TrainingError
from classifier.networks.backbone import make_backbone


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    """Those of a whole test_resnet, classifier included, unlike any fresh one."""
    torch.manual_seed(99)
    state: dict[str, torch.Tensor] = timm.create_model("test_resnet", num_classes=7).state_dict()
    return state


def refused(name: str, checkpoint: Path | None = None) -> str:
    with pytest.raises(TrainingError) as caught:
        make_backbone(name, checkpoint)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "mobilenetv3_small_050", "ghostnet_050"])
def test_features_and_input_of_a_backbone(name: str) -> None:
    """The feature count is that of what comes out, also where a family ends in a wider layer of its own."""
    backbone = make_backbone(name)
    features = backbone.network(torch.zeros(2, 3, 48, 48))
    assert features.shape == (2, backbone.feature_count)
    assert (len(backbone.mean), len(backbone.std)) == (3, 3)
    assert all(0 < value < 1 for value in (*backbone.mean, *backbone.std))


def test_an_unknown_name_suggests_close_ones() -> None:
    assert refused("test_resnetx") == "unknown backbone 'test_resnetx'; close: test_resnet"
    assert refused("nonesuch") == "unknown backbone 'nonesuch'"


@pytest.mark.parametrize("name", ["", "../weights", "hf-hub:someone/something", "resnet50 "])
def test_a_name_that_is_none(name: str) -> None:
    """In particular no address from which timm would fetch code or weights."""
    assert refused(name).startswith(f"unknown backbone {name!r}")


def test_an_unknown_tag_is_refused() -> None:
    """Refused without asking the hub."""
    assert (
        refused("resnet50.nonsense") == "backbone 'resnet50.nonsense': Invalid pretrained tag (nonsense) for resnet50."
    )


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_a_local_checkpoint(tmp_path: Path, weights: dict[str, torch.Tensor], kind: str) -> None:
    """Its features are taken over, its classifier is left out."""
    path = tmp_path / f"weights.{kind}"
    if kind == "pth":
        torch.save(weights, path)
    else:
        save_file(weights, path)
    loaded = make_backbone("test_resnet", path).network.state_dict()
    assert set(weights) - set(loaded) == {"fc.weight", "fc.bias"}
    assert all(torch.equal(tensor, weights[name]) for name, tensor in loaded.items())


def test_a_tagged_name_with_a_checkpoint_fetches_nothing(tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    save_file(weights, tmp_path / "weights.safetensors")
    loaded = make_backbone("test_resnet.r160_in1k", tmp_path / "weights.safetensors").network.state_dict()
    assert torch.equal(loaded["conv1.0.weight"], weights["conv1.0.weight"])


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.safetensors"
    assert refused("test_resnet", path) == f"{path}: no such checkpoint"
    assert refused("test_resnet", tmp_path) == f"{tmp_path}: no such checkpoint"


def test_a_checkpoint_of_another_network(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(timm.create_model("test_vit", num_classes=0).state_dict(), path)
    assert refused("test_resnet", path).startswith(f"{path}: lacks ")
    assert " tensors of test_resnet, 'bn1.bias' for one" in refused("test_resnet", path)


def test_a_checkpoint_of_other_shapes(tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({**weights, "bn1.bias": torch.zeros(3)}, path)
    assert refused("test_resnet", path).startswith(f"{path}: not a checkpoint of test_resnet: ")


def test_a_checkpoint_of_other_shapes_names_a_tensor(tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    save_file({**weights, "bn1.bias": torch.zeros(3)}, tmp_path / "weights.safetensors")
    assert "bn1.bias" in refused("test_resnet", tmp_path / "weights.safetensors")


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\xff" * 64])
def test_a_file_that_holds_no_weights(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    message = refused("test_resnet", tmp_path / name)
    assert message.startswith(f"{tmp_path / name}: not a checkpoint of test_resnet: ")


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    torch.save({"conv1.weight": Trap(tmp_path / "sprung")}, tmp_path / "weights.pth")
    assert refused("test_resnet", tmp_path / "weights.pth").startswith(f"{tmp_path / 'weights.pth'}: not a checkpoint")
    assert not (tmp_path / "sprung").exists()
