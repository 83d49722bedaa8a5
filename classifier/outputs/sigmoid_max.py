"""Sigmoid and maximum: coherent probabilities for assets that carry several labels at once, on trees and DAGs."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from classifier.data.manifest import Sample, carried_nodes
from classifier.data.targets import CarriedNodes
from classifier.outputs.base import NodeProbs
from classifier.outputs.max_sweep import MaxSweep
from taxonomy import Hierarchy
from taxonomy.arrays import Floats, Ints


class SigmoidMax(nn.Module):
    """p(v) = the maximum of sigmoid(s_u) over the descendants-or-self u of v; logits are (B, N), one a node.

    Source: C-HMCNN, Giunchiglia and Lukasiewicz, "Coherent hierarchical multi-label classification networks",
    NeurIPS 2020. Work and memory are linear in the edges, where theirs multiply by the dense N x N closure.
    """

    _terminals: Tensor

    def __init__(self, hierarchy: Hierarchy) -> None:
        super().__init__()
        self.hierarchy = hierarchy
        self.unreachable: tuple[str, ...] = ()
        self.node_count = self.column_count = len(hierarchy)
        self.column_levels: Ints | None = None  # the maximum compares logits of several levels
        self._sweep = MaxSweep(hierarchy)
        self.register_buffer("_terminals", torch.from_numpy(hierarchy.terminals), persistent=False)

    def node_logits(self, logits: Tensor) -> Tensor:
        """(B, N) -> (B, N) float32 or float64: the logit of p(v), i.e. the largest s below or at v; differentiable."""
        logits = _exact(logits)
        return logits.gather(1, self._sweep.sources(logits))

    def predict(self, logits: Tensor, temperature: float = 1.0) -> NodeProbs:
        """Probabilities of all nodes, exactly coherent; of terminals that tie for the best, the deepest is it."""
        nodes = cast("Tensor", self._sweep(torch.sigmoid(logits.double() / temperature)))
        deepest_first = nodes[:, self._terminals].flip(1)
        return NodeProbs(nodes, self._terminals.flip(0)[deepest_first.argmax(dim=1)])

    def targets(self, samples: Sequence[Sample]) -> CarriedNodes:
        """The nodes that each sample carries, their ancestors included."""
        return CarriedNodes(carried_nodes(samples, self.hierarchy))

    def log_likelihoods(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(B,) minus the sum of the nodes' losses; `labels` (B, N) as for `loss`."""
        return -self.loss(logits, labels).sum(dim=1)

    def losses_at(self, logits: Tensor, labels: Tensor, temperatures: Floats) -> Floats:
        """(K,) the summed binary cross-entropy at each temperature."""
        truth = labels.double()
        judged = self.judged_logits(logits.double(), truth)
        losses = (binary_cross_entropy_with_logits(judged / each, truth, reduction="sum") for each in temperatures)
        return np.array([loss.item() for loss in losses])

    def entropies(self, _logits: Tensor) -> Tensor | None:
        """None: nodes are judged one by one, so that terminals share no distribution."""
        return None

    def energies(self, _logits: Tensor) -> Tensor | None:
        """None: an asset that carries nothing is an answer like any other."""
        return None

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B, N) binary cross-entropies; `targets` (B, N) are 0 or 1 and closed upward.

        Those of y*max(y*h) + (1-y)*max(h) with h = sigmoid(logits) and both maxima over descendants-or-self: a positive
        node learns from its positive descendants alone, a negative one from all. As the sigmoid rises, the maxima are
        taken of the logits, so that no probability rounds to 0 or 1.
        """
        judged = self.judged_logits(logits, targets)
        return binary_cross_entropy_with_logits(judged, targets.to(judged.dtype), reduction="none")

    def judged_logits(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B, N) the logit that the loss judges at each node; a temperature divides it as it divides the logits."""
        logits, positive = _exact(logits), targets > 0
        sources = torch.where(
            positive,
            self._sweep.sources(logits.masked_fill(~positive, -torch.inf)),
            self._sweep.sources(logits),
        )
        return logits.gather(1, sources)


def closed_targets(labels: Sequence[Sequence[str]], hierarchy: Hierarchy) -> csr_array:
    """(S, N) boolean CSR: in each row the nodes of those ids and all their ancestors. Raises TaxonomyError."""
    return hierarchy.closed([[hierarchy.position(node_id) for node_id in row] for row in labels])


def micro_average_precision(targets: csr_array, probs: NDArray[np.floating]) -> float:
    """Micro AU(PRC): the average precision of all pairs (S, N) of a sample and a node in one ranking, ties as one step.

    targets: (S, N) boolean CSR with at least one positive.
    """
    order = np.argsort(-probs, axis=None)
    ranked = probs.reshape(-1)[order]
    positives = np.cumsum(targets.toarray().reshape(-1)[order])
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    gained = np.diff(positives[ends], prepend=0)
    return float((gained * positives[ends] / (ends + 1)).sum() / positives[-1])


def _exact(logits: Tensor) -> Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()
