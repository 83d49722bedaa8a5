"""A network as it is served: folded, in the precision asked for, with the answers of the trained one."""

import logging
from collections import OrderedDict

import pytest
import timm
import torch
from torch import Tensor, nn

from classifier.bundles.bundle import Bundle
from classifier.config import Precision
from classifier.inference.predictor import Predictor
from classifier.networks.devices import has_bfloat16
from classifier.networks.heads import HierarchicalNet
from classifier.runtimes.torch import folded, serving_net

_CPU = torch.device("cpu")
_SIZE_PX = 64


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Four images of normal noise."""
    return torch.randn(4, 3, _SIZE_PX, _SIZE_PX, generator=torch.Generator().manual_seed(1))


def backbone(name: str) -> nn.Module:
    """A network whose batch norms have seen something."""
    torch.manual_seed(0)
    network: nn.Module = timm.create_model(name, num_classes=0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.randn_like(module.bias) / 10
            module.running_var = torch.rand_like(module.bias) + 0.5
    return network.eval()


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv3_small_050", "efficientnet_b0", "regnetx_002", "resnet18d"])
def test_batch_norms_are_folded_away(name: str, images: Tensor) -> None:
    network = backbone(name)
    found = folded(network, _SIZE_PX)
    assert (norms(network) > 0, norms(found)) == (True, 0)
    with torch.inference_mode():
        torch.testing.assert_close(found(images), network(images), rtol=1e-3, atol=1e-4)


def test_the_last_layer_of_a_stem_may_have_a_name(images: Tensor) -> None:
    """As in timm's levit."""
    stem = nn.Sequential(OrderedDict(first=nn.Conv2d(3, 4, 3), act=nn.ReLU(), last=nn.Conv2d(4, 8, 3)))
    network = nn.Sequential(stem, nn.BatchNorm2d(8)).eval()
    found = folded(network, _SIZE_PX)
    assert norms(found) == 0
    with torch.inference_mode():
        torch.testing.assert_close(found(images), network(images), rtol=1e-3, atol=1e-4)


def test_a_network_without_batch_norms_stays_as_it_is(images: Tensor) -> None:
    network = timm.create_model("test_vit", num_classes=0, img_size=_SIZE_PX).eval()
    with torch.inference_mode():
        torch.testing.assert_close(folded(network, _SIZE_PX)(images), network(images))


class Misleading(nn.Module):
    """Its norm stands after its convolution, and is applied before it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3)
        self.norm.running_mean = torch.tensor([1.0, 2.0, 3.0])

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.convolution(self.norm(images))
        return maps.mean((2, 3))


def test_a_network_that_would_answer_otherwise_is_not_folded(images: Tensor, caplog: pytest.LogCaptureFixture) -> None:
    network = Misleading().eval()
    with caplog.at_level(logging.WARNING), torch.inference_mode():
        torch.testing.assert_close(folded(network, _SIZE_PX)(images), network(images))
    assert "Misleading: its batch norms cannot be folded" in caplog.text


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("bfloat16", 0.05)])
def test_the_logits_stay_near(precision: Precision, tolerance: float, images: Tensor) -> None:
    torch.manual_seed(0)
    net = HierarchicalNet(backbone("resnet10t"), nn.Linear(512, 7)).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    served = serving_net(net, _CPU, _SIZE_PX, precision)
    with torch.inference_mode():
        logits, wanted = served(images), net(images)
    assert logits.dtype == torch.float32
    assert (logits - wanted).abs().max() <= tolerance * wanted.abs().max()
    assert {parameter.dtype for parameter in served.heads.parameters()} == {torch.float32}
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_auto_is_what_the_processor_is_made_for() -> None:
    net = HierarchicalNet(backbone("resnet10t"), nn.Linear(512, 7))
    dtypes = {parameter.dtype for parameter in serving_net(net, _CPU, _SIZE_PX).backbone.parameters()}
    assert dtypes == {torch.bfloat16 if has_bfloat16(_CPU) else torch.float32}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_predictor_says_the_same_in_both_precisions(trained: Bundle, precision: Precision) -> None:
    names = [f"test-{colour}-{number}.png" for colour in ("Red", "Orange", "Blue", "Green") for number in range(5)]
    predictor = Predictor(trained, precision=precision)
    pixels = [predictor.pixels((trained.folder.parent / name).read_bytes(), name) for name in names]
    said = [prediction.levels[-1].node for prediction in predictor.predict(names, torch.stack(pixels))]
    assert said == [node for node in ("Warm > Red", "Warm > Orange", "Cold > Blue", "Cold > Green") for _ in range(5)]
