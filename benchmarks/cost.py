"""What the heads and the coherence of a large taxonomy add to a backbone: time forward and backward, and memory.

usage: python benchmarks/cost.py [--nodes 16000] [--batch 32] [--image-size 224] [--rounds 3] [--threads 1] [--out FILE]

Each round runs, one after the other: the backbone alone (its features summed are the loss), the whole network with the
heads and the path-softmax loss, and the heads and the loss alone on given features. Ratios to the backbone are taken
round by round ("added", of the whole; "heads", of the heads alone, which scatters less). Times are processor seconds
of this process, so that other work on the machine counts little. Two widths of the heads are measured: straight from
the backbone's features, and from 256 features that a linear map makes of them (`head_width`).

Memory is what exists above the backbone, counted in tensors: the weights of the heads, as many gradients, the sparse
matrices of the coherence, and what the forward pass keeps for the backward pass. Serving needs the weights and the
matrices; training all of it, and two moments of AdamW for each weight.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from classifier.networks.backbone import make_backbone
from classifier.networks.heads import HierarchicalNet, LevelHeads, narrowed
from classifier.outputs.path_softmax import PathSoftmax
from taxonomy import Hierarchy, Node, Taxonomy
from worker.cli.output import print_table

WIDTHS = (0, 256)
BRANCHING = 12
COLUMNS = ("head width", "backbone s", "whole s", "added %", "least %", "most %", "heads s", "heads %", "weights MB",
           "coherence MB", "kept MB", "serving MB", "training MB")  # fmt: skip


def generated(count: int) -> Hierarchy:
    """A tree of `count` nodes with twelve children to a node, filled level by level."""
    nodes = [Node("n0", "n0")]
    nodes += [Node(f"n{number}", f"n{number}", (f"n{(number - 1) // BRANCHING}",)) for number in range(1, count)]
    return Hierarchy.compile(Taxonomy(nodes))


def seconds(step: Callable[[], Tensor], parameters: list[nn.Parameter]) -> float:
    """Processor seconds of one forward and backward pass."""
    for parameter in parameters:
        parameter.grad = None
    started = time.process_time()
    step().backward()
    return time.process_time() - started


def kept_bytes(step: Callable[[], Tensor], weights: set[int]) -> int:
    """Bytes that a forward pass keeps for the backward pass, weights and constants left out."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.layout is torch.strided and tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = step()
    del loss
    return sum(kept.values())


def coherence_bytes(output: PathSoftmax) -> int:
    """Bytes of the constant matrices, each index and value counted."""
    pairs: list[Any] = [module for module in output.modules() if hasattr(module, "matrix")]
    made: list[torch.Tensor] = [pair.matrix(torch.float32) for pair in pairs]
    values = sum(int(matrix.values().nbytes) for matrix in made)
    return values + sum(buffer.nbytes for buffer in output.buffers())


def measure(width: int, hierarchy: Hierarchy, options: argparse.Namespace) -> dict[str, float | str]:
    """Times of each round, and the memory of one head width."""
    torch.manual_seed(0)
    backbone = make_backbone(options.backbone, pretrained=False)
    heads = narrowed(backbone.feature_count, width, lambda size: LevelHeads(size, hierarchy))
    net = HierarchicalNet(backbone.network, heads).to(memory_format=torch.channels_last).train()
    output = PathSoftmax(hierarchy)
    images = torch.randn(options.batch, 3, options.image_size, options.image_size)
    images = images.contiguous(memory_format=torch.channels_last)
    columns = output.terminal_columns[torch.randint(len(output.terminal_columns), (options.batch,))]
    targets = torch.zeros(options.batch, output.column_count).scatter_(1, columns[:, None], 1.0)
    alone = lambda: backbone.network(images).sum()  # noqa: E731
    whole = lambda: output.loss(net(images), targets).mean()  # noqa: E731
    parameters = list(net.parameters())
    features = torch.randn(options.batch, backbone.feature_count, requires_grad=True)
    top = lambda: output.loss(heads(features), targets).mean()  # noqa: E731
    seconds(whole, parameters)  # warm up
    rounds = [tuple(seconds(step, parameters) for step in (alone, whole, top)) for _ in range(options.rounds)]
    weights = {tensor.untyped_storage().data_ptr() for tensor in [*heads.parameters(), *output.buffers(), features]}
    kept = kept_bytes(top, weights)
    return summary(width, rounds, sum(part.nbytes for part in heads.parameters()), coherence_bytes(output), kept)


def summary(
    width: int, rounds: list[tuple[float, ...]], weights: int, coherence: int, kept: int
) -> dict[str, float | str]:
    """One row: medians, the spread of the ratio, and megabytes."""
    added = [100 * (whole / alone - 1) for alone, whole, _ in rounds]
    values = (
        width or "all",
        statistics.median(alone for alone, _, _ in rounds),
        statistics.median(whole for _, whole, _ in rounds),
        statistics.median(added),
        min(added),
        max(added),
        statistics.median(top for _, _, top in rounds),
        statistics.median(100 * top / alone for alone, _, top in rounds),
        weights / 1e6,
        coherence / 1e6,
        kept / 1e6,
        (weights + coherence) / 1e6,
        (4 * weights + coherence + kept) / 1e6,
    )
    return dict(zip(COLUMNS, values, strict=True))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=16_000)
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    hierarchy = generated(options.nodes)
    results = [measure(width, hierarchy, options) for width in WIDTHS]
    if options.out:
        options.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
    title = f"{options.backbone}, {options.nodes} nodes, batch {options.batch}, {options.image_size} px"
    print_table(title, COLUMNS, [list(result.values()) for result in results])


if __name__ == "__main__":
    main()
