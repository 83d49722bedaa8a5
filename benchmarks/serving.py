"""What serving a network otherwise than it was trained gains in time and costs in answers.

usage: python benchmarks/serving.py [--backbones NAME ...] [--threads N] [--rounds N]
       python benchmarks/serving.py --bundle DIR --labels LABELS.CSV

The first prints milliseconds an image of the network as torch and timm give it, and of the served one in float32 (batch
norms folded) and in bfloat16; they take turns, and the ratios are taken round by round. The second prints how the
answers on the test split differ from those of the network as it was trained.
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from classifier.bundles.bundle import Bundle, read_bundle
from classifier.config import Precision
from classifier.data.manifest import read_manifest
from classifier.evaluation.climbs import Climbs
from classifier.evaluation.labelled_run import open_model
from classifier.evaluation.metrics import evaluate
from classifier.networks.backbone import make_backbone
from classifier.networks.heads import HierarchicalNet
from classifier.runtimes.torch import serving_net
from worker.cli.output import print_table
from worker.pipeline.parallelism import keep_memory

CPU = torch.device("cpu")
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
BATCHES = (1, 8, 32)
IMAGES = 64  # in each round
NODES = 100
SPEED = ("backbone", "batch", "as trained", "float32", "bfloat16", "float32 faster", "bfloat16 faster")
ANSWERS = ("served", "another best", "mean change", "largest change", "full path", "coverage", "decisions right")


def seconds(net: nn.Module, images: Tensor) -> float:
    """For an image, over one round."""
    passes = max(1, IMAGES // len(images))
    with torch.inference_mode():
        started = time.perf_counter()
        for _ in range(passes):
            net(images)
        return (time.perf_counter() - started) / (passes * len(images))


def speed(backbone: str, batch: int, size_px: int, rounds: int) -> list[object]:
    """One line of the table."""
    features = make_backbone(backbone, pretrained=False)
    net = HierarchicalNet(features.network, nn.Linear(features.feature_count, NODES)).eval()
    served = [serving_net(net, CPU, size_px, precision) for precision in PRECISIONS]
    images = torch.randn(batch, 3, size_px, size_px).contiguous(memory_format=torch.channels_last)
    nets = [net, *served]
    for each in nets:
        seconds(each, images)
    found = np.array([[seconds(each, images) for each in nets] for _ in range(rounds)])
    times = [1000 * statistics.median(column) for column in found.T]
    ratios = [statistics.median(found[:, 0] / found[:, number]) for number in (1, 2)]
    return [backbone, batch, *times, *ratios]


def answers(bundle: Bundle, labels: Path) -> list[list[object]]:
    """How each precision answers on the test split, beside the network as it was trained."""
    test = read_manifest(labels, bundle.taxonomy).split("test")
    model = open_model(bundle)
    plain = replace(model, net=bundle.load_net())
    nets = [replace(model, net=serving_net(plain.net, CPU, model.size_px, precision)) for precision in PRECISIONS]
    wanted, *found = [each.climbs(test, bundle.calibration) for each in (plain, *nets)]
    rows: list[list[object]] = [["as trained", 0.0, 0.0, 0.0, *figures(wanted, bundle)]]
    for precision, climbs in zip(PRECISIONS, found, strict=True):
        rows.append([precision, *difference(wanted, climbs), *figures(climbs, bundle)])
    return rows


def difference(wanted: Climbs, found: Climbs) -> tuple[float, float, float]:
    """(share of other best terminals, mean and largest change of the confidence where it is the same)."""
    same = wanted.best == found.best
    changes = np.abs(wanted.probs[wanted.starts] - found.probs[found.starts])[same]
    return float(1 - same.mean()), float(changes.mean()), float(changes.max())


def figures(climbs: Climbs, bundle: Bundle) -> tuple[float, float, float]:
    """(full-path accuracy, coverage, decision accuracy)."""
    metrics = evaluate(climbs, bundle.calibration)
    return metrics.full_path_accuracy, metrics.decision.coverage, metrics.decision.accuracy


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbones", nargs="+", default=["mobilenetv3_small_100", "efficientnet_b0", "resnet50"])
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--labels", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_memory()
    if options.bundle:
        print_table(str(options.bundle), ANSWERS, answers(read_bundle(options.bundle), options.labels))
        return
    rows = [speed(name, batch, options.image_size, options.rounds) for name in options.backbones for batch in BATCHES]
    print_table(f"ms an image, {options.threads} threads", SPEED, rows)


if __name__ == "__main__":
    main()
