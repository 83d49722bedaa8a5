"""The energy of an asset: how little its logits say, whatever they say. Large where nothing in the taxonomy fits."""

import torch
from torch import Tensor

from classifier.outputs.path_softmax import PathSoftmax
from taxonomy.arrays import Floats


def energies(logits: Tensor, output: object) -> Floats | None:
    """(B,) energies of (B, C) uncalibrated logits: minus the log of the summed exponentials of the terminals' logits.

    None for an output that has no such logits. Source: Liu et al., "Energy-based out-of-distribution detection",
    NeurIPS 2020.
    """
    if not isinstance(output, PathSoftmax):
        return None
    found: Floats = -torch.logsumexp(output.terminal_logits(logits.double()), dim=1).cpu().numpy()
    return found
