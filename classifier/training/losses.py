"""The training losses: cross-entropy with smoothed targets, margins and priors; and that of label sets."""

from typing import Protocol, cast

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from classifier.config import TrainingConfig
from classifier.errors import TrainingError
from classifier.outputs.sigmoid_max import SigmoidMax
from classifier.outputs.single_label import SingleLabelOutput
from classifier.outputs.sparse import SparsePair
from taxonomy import Hierarchy


class TrainingLoss(Protocol):
    """What a network is trained by; a torch module."""

    def __call__(self, logits: Tensor, targets: Tensor, shares: Tensor | None = None) -> Tensor:
        """(B,) losses of (B, C) logits; shares (B, B) of the targets in each image, see `mixing`."""

    def plain(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B,) losses without smoothing, margins and priors."""


class LabelSetLoss(nn.Module):
    """(logits (B, N), targets (B, N)) -> (B,) the mean over the nodes of the loss of sigmoid and maximum.

    Where images are mixed, each image's loss is that of the label sets in it, by their shares: half a cat and half a
    dog is not half of each label.
    """

    def __init__(self, output: SigmoidMax) -> None:
        super().__init__()
        self._output = output

    def forward(self, logits: Tensor, targets: Tensor, shares: Tensor | None = None) -> Tensor:
        """(B,) losses."""
        if shares is None:
            return self.plain(logits, targets)
        own = shares.diagonal()
        others = shares - torch.diag(own)
        partner = others.argmax(dim=1)  # an image is mixed with one other
        return own * self.plain(logits, targets) + others.amax(dim=1) * self.plain(logits, targets[partner])

    def plain(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B,) losses."""
        return self._output.loss(logits, targets).mean(dim=1)


class HierarchicalLoss(nn.Module):
    """(logits (B, C), targets (B, C)) -> (B,) losses; targets are weights of columns that sum to 1.

    log_priors (T,) float, or None: added to the terminals' logits, times `config.logit_adjustment`.
    Sources: label smoothing, Szegedy et al. 2016; logit adjustment, Menon et al. 2021; the soft-max-margin, Valmadre,
    "Hierarchical classification at multiple operating points", NeurIPS 2022.
    """

    _offsets: Tensor | None

    def __init__(
        self, output: SingleLabelOutput, hierarchy: Hierarchy, config: TrainingConfig, log_priors: Tensor | None = None
    ) -> None:
        super().__init__()
        self._output = output
        self._config = config
        adjusts = config.logit_adjustment > 0 and log_priors is not None
        offsets = config.logit_adjustment * cast("Tensor", log_priors) if adjusts else None
        self.register_buffer("_offsets", offsets, persistent=False)
        self._missing = MissingAncestors(hierarchy) if config.loss == "margin" else None
        self._share = AncestorShare(hierarchy, config.ancestor_share) if config.ancestor_share else None
        if (self._missing or self._share) and output.column_count != len(_column_nodes(hierarchy)):
            raise TrainingError("the margin loss and ancestor_share need a logit for every node")

    def forward(self, logits: Tensor, targets: Tensor, shares: Tensor | None = None) -> Tensor:
        """(B,) losses."""
        if shares is not None:
            targets = shares @ targets
        offsets = self._offsets
        if self._missing is not None:
            margins = self._config.margin * self._missing(targets)
            offsets = margins if offsets is None else margins + offsets
        return self._output.loss(logits, self.smoothed(targets), offsets)

    def plain(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B,) cross-entropies of the targets as they are."""
        return self._output.loss(logits, targets)

    def smoothed(self, targets: Tensor) -> Tensor:
        """(B, C) targets with the shares that ancestors and all terminals get."""
        if self._share is not None:
            targets = self._share(targets)
        share = self._config.label_smoothing
        if not share:
            return targets
        even = self._output.terminal_columns
        smoothed = targets * (1 - share)
        smoothed[:, even] += share / len(even)
        return smoothed


class MissingAncestors(nn.Module):
    """(B, C) targets -> (B, T): how many of a label's ancestors-or-self each terminal lacks, 0 for the right ones.

    On a tree that is the number of edges from the label up to its lowest common ancestor with the terminal, which is
    the hierarchical margin of the soft-max-margin.
    """

    _sizes: Tensor

    def __init__(self, hierarchy: Hierarchy) -> None:
        super().__init__()
        lineage = csr_array(hierarchy.lineage[_column_nodes(hierarchy)])  # (C, N)
        self._nodes = SparsePair(csr_array(lineage.T.tocsr()))
        self._terminals = SparsePair(hierarchy.incidence)
        self.register_buffer("_sizes", torch.from_numpy(np.diff(lineage.indptr)).float(), persistent=False)

    def forward(self, targets: Tensor) -> Tensor:
        """(B, C) -> (B, T)."""
        shared = self._terminals(self._nodes(targets))
        missing: Tensor = (targets * self._sizes).sum(dim=1, keepdim=True) - shared  # autocast leaves this in float32
        return missing.clamp_min(0)


class AncestorShare(nn.Module):
    """(B, C) targets -> (B, C): a share of every label goes to its proper ancestors, in equal parts; roots keep theirs.

    As the loss of an ancestor is that of all below it, this teaches coarse levels with a weight of their own.
    """

    _kept: Tensor
    _given: Tensor

    def __init__(self, hierarchy: Hierarchy, share: float) -> None:
        super().__init__()
        columns = _column_nodes(hierarchy)
        above = csr_array(hierarchy.lineage[columns])  # (C, N); a column "exactly v" counts v among its ancestors
        own = csr_array(
            (np.ones(len(hierarchy)), (np.arange(len(hierarchy)), np.arange(len(hierarchy)))),
            shape=above.shape,
        )
        proper = csr_array(above.astype(np.int8) - own.astype(np.int8))
        proper.eliminate_zeros()
        counts = np.diff(proper.indptr)
        given = np.divide(share, counts, out=np.zeros(len(counts)), where=counts > 0)
        self._ancestors = SparsePair(csr_array(proper.T.tocsr()))  # (N, C)
        self.register_buffer("_kept", torch.from_numpy(1.0 - share * (counts > 0)).float(), persistent=False)
        self.register_buffer("_given", torch.from_numpy(given).float(), persistent=False)

    def forward(self, targets: Tensor) -> Tensor:
        """(B, C) -> (B, C)."""
        shared = targets * self._kept
        moved = self._ancestors(targets * self._given)  # (B, N): the first N columns stand for the nodes
        return torch.cat([shared[:, : moved.shape[1]] + moved, shared[:, moved.shape[1] :]], dim=1)


def _column_nodes(hierarchy: Hierarchy) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(C,) the node of each column: all nodes, then the inner terminals once more."""
    return np.concatenate([np.arange(len(hierarchy)), hierarchy.terminals[hierarchy.inner_terminals]])
