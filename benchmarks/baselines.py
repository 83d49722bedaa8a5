"""What Cladist is measured against: a flat leaf softmax, and independent level heads."""

from typing import cast

import torch
from torch import Tensor, nn

from classifier.errors import TrainingError
from classifier.networks.heads import LevelHeads
from classifier.outputs.base import NodeProbs
from classifier.outputs.method import Method
from classifier.outputs.sparse import SparsePair
from taxonomy import Hierarchy


class FlatSoftmax(nn.Module):
    """One softmax over the T leaves; a node's probability is the sum of its leaves. Columns are the terminals."""

    label_columns: Tensor
    terminal_columns: Tensor

    def __init__(self, hierarchy: Hierarchy) -> None:
        super().__init__()
        terminals = torch.from_numpy(hierarchy.terminals)
        self.column_count = len(terminals)
        columns = torch.full((len(hierarchy),), -1)
        columns[terminals] = torch.arange(len(terminals))
        self._below = SparsePair(hierarchy.incidence.T.tocsr())
        self.register_buffer("label_columns", columns)
        self.register_buffer("terminal_columns", torch.arange(len(terminals)))
        self.register_buffer("terminals", terminals)

    def log_probs(self, logits: Tensor, offsets: Tensor | None = None) -> Tensor:
        """(B, T) -> (B, T)."""
        wide = logits if logits.dtype == torch.float64 else logits.float()
        return torch.log_softmax(wide if offsets is None else wide + offsets, dim=1)

    def loss(self, logits: Tensor, targets: Tensor, offsets: Tensor | None = None) -> Tensor:
        """(B,) cross-entropy."""
        return -(targets * self.log_probs(logits, offsets)).sum(dim=1)

    def terminal_probs(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """(B, T) float64 probabilities of the leaves."""
        return torch.softmax(logits.double() / temperature, dim=1)

    def predict(self, logits: Tensor, temperature: float = 1.0) -> NodeProbs:
        """Leaf probabilities summed up; the best terminal is the best leaf."""
        leaves = self.terminal_probs(logits, temperature)
        return NodeProbs(self._below(leaves), cast("Tensor", self.terminals)[leaves.argmax(dim=1)])


class IndependentLevels(nn.Module):
    """A softmax of its own for each level, that knows nothing of the others. Columns are the nodes.

    Its answer starts at the best node of level 1 and takes the best node of each further level until that is a leaf;
    nothing makes one the child of the other. `contradictions` counts those that are not.
    """

    label_columns: Tensor
    terminal_columns: Tensor

    def __init__(self, hierarchy: Hierarchy) -> None:
        super().__init__()
        self.column_count = len(hierarchy)
        self._slices = hierarchy.level_slices
        self.contradictions = 0
        is_leaf = torch.ones(len(hierarchy), dtype=torch.bool)
        is_leaf[torch.from_numpy(hierarchy.edges[:, 0])] = False
        ancestry = torch.from_numpy(hierarchy.lineage.toarray()).float()  # (N, N): a baseline for small taxonomies
        self.register_buffer("is_leaf", is_leaf)
        self.register_buffer("ancestry", ancestry)
        self.register_buffer("label_columns", torch.arange(len(hierarchy)))
        self.register_buffer("terminal_columns", torch.from_numpy(hierarchy.terminals))

    def log_probs(self, logits: Tensor, offsets: Tensor | None = None) -> Tensor:
        """(B, N) -> (B, N), each level by itself. Raises TrainingError on offsets: levels have no terminals."""
        if offsets is not None:
            raise TrainingError("independent levels take no offsets of terminals")
        wide = logits if logits.dtype == torch.float64 else logits.float()
        return torch.cat([torch.log_softmax(wide[:, level], dim=1) for level in self._slices], dim=1)

    def loss(self, logits: Tensor, targets: Tensor, offsets: Tensor | None = None) -> Tensor:
        """(B,) the sum of the levels' cross-entropies; a level that the label does not reach has none."""
        return -((targets @ cast("Tensor", self.ancestry)) * self.log_probs(logits, offsets)).sum(dim=1)

    def terminal_probs(self, logits: Tensor) -> Tensor:
        """(B, T) float64 probabilities of the terminals, each of its own level's softmax: they do not sum to 1."""
        return self.log_probs(logits.double())[:, self.terminal_columns].exp()

    def predict(self, logits: Tensor, temperature: float = 1.0) -> NodeProbs:
        """Per-level probabilities; the best terminal is where the answer ends."""
        probs = self.log_probs(logits.double() / temperature).exp()
        answer = probs[:, self._slices[0]].argmax(dim=1)
        wrong = torch.zeros(len(probs), dtype=torch.bool)
        is_leaf, ancestry = cast("Tensor", self.is_leaf), cast("Tensor", self.ancestry)
        for level in self._slices[1:]:
            best = level.start + probs[:, level].argmax(dim=1)
            going_on = ~is_leaf[answer]
            wrong |= going_on & (ancestry[best, answer] == 0)
            answer = torch.where(going_on, best, answer)
        self.contradictions += int(wrong.sum())
        return NodeProbs(probs, answer)


def _flat_head(feature_count: int, hierarchy: Hierarchy) -> nn.Module:
    head = nn.Linear(feature_count, len(hierarchy.terminals))
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
    return head


FLAT = Method(_flat_head, FlatSoftmax)
INDEPENDENT = Method(LevelHeads, IndependentLevels)
