"""What Cladist is measured against: a flat leaf softmax, and independent level heads."""

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from classifier.errors import TrainingError
from classifier.networks.heads import LevelHeads
from classifier.outputs.base import NodeProbs
from classifier.outputs.modes import SingleLabel
from classifier.outputs.single_label import SingleLabelOutput
from classifier.outputs.sparse import SparsePair
from taxonomy import Hierarchy


class FlatSoftmax(SingleLabelOutput):
    """One softmax over the T leaves; a node's probability is the sum of its leaves. Columns are the terminals."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        terminals = hierarchy.terminals
        columns = np.full(len(hierarchy), -1)
        columns[terminals] = np.arange(len(terminals))
        super().__init__(hierarchy, columns, len(terminals), None)
        self._below = SparsePair(hierarchy.incidence.T.tocsr())
        self.register_buffer("terminals", torch.from_numpy(terminals))

    def log_probs(self, logits: Tensor, offsets: Tensor | None = None) -> Tensor:
        """(B, T) -> (B, T)."""
        wide = logits if logits.dtype == torch.float64 else logits.float()
        return torch.log_softmax(wide if offsets is None else wide + offsets, dim=1)

    def terminal_probs(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """(B, T) float64 probabilities of the leaves."""
        return torch.softmax(logits.double() / temperature, dim=1)

    def predict(self, logits: Tensor, temperature: float = 1.0) -> NodeProbs:
        """Leaf probabilities summed up; the best terminal is the best leaf."""
        leaves = self.terminal_probs(logits, temperature)
        return NodeProbs(self._below(leaves), cast("Tensor", self.terminals)[leaves.argmax(dim=1)])


class IndependentLevels(SingleLabelOutput):
    """A softmax of its own for each level, that knows nothing of the others. Columns are the nodes.

    Its answer starts at the best node of level 1 and takes the best node of each further level until that is a leaf;
    nothing makes one the child of the other. `contradictions` counts those that are not.
    """

    def __init__(self, hierarchy: Hierarchy) -> None:
        levels = None if len(hierarchy.inner_terminals) else hierarchy.levels
        super().__init__(hierarchy, np.arange(len(hierarchy)), len(hierarchy), levels)
        self._slices = hierarchy.level_slices
        self.contradictions = 0
        is_leaf = torch.ones(len(hierarchy), dtype=torch.bool)
        is_leaf[torch.from_numpy(hierarchy.edges[:, 0])] = False
        ancestry = torch.from_numpy(hierarchy.lineage.toarray()).float()  # (N, N): a baseline for small taxonomies
        self.register_buffer("is_leaf", is_leaf)
        self.register_buffer("ancestry", ancestry)

    def log_probs(self, logits: Tensor, offsets: Tensor | None = None) -> Tensor:
        """(B, N) -> (B, N), each level by itself. Raises TrainingError on offsets: levels have no terminals."""
        if offsets is not None:
            raise TrainingError("independent levels take no offsets of terminals")
        wide = logits if logits.dtype == torch.float64 else logits.float()
        return torch.cat([torch.log_softmax(wide[:, level], dim=1) for level in self._slices], dim=1)

    def loss(self, logits: Tensor, targets: Tensor, offsets: Tensor | None = None) -> Tensor:
        """(B,) the sum of the levels' cross-entropies; a level that the label does not reach has none."""
        return -((targets @ cast("Tensor", self.ancestry)) * self.log_probs(logits, offsets)).sum(dim=1)

    def terminal_probs(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """(B, T) float64 probabilities of the terminals, each of its own level's softmax: they do not sum to 1."""
        return self.log_probs(logits.double() / temperature)[:, self.terminal_columns].exp()

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


class Flat(SingleLabel):
    """The flat leaf softmax, with a logit for each leaf and no other."""

    def make_heads(self, feature_count: int, hierarchy: Hierarchy) -> nn.Module:
        """One linear layer."""
        head = nn.Linear(feature_count, len(hierarchy.terminals))
        nn.init.normal_(head.weight, std=0.01)
        nn.init.zeros_(head.bias)
        return head

    def make_output(self, hierarchy: Hierarchy) -> FlatSoftmax:
        """The softmax over the leaves."""
        return FlatSoftmax(hierarchy)


class Independent(SingleLabel):
    """Heads of the levels that know nothing of each other."""

    def make_heads(self, feature_count: int, hierarchy: Hierarchy) -> LevelHeads:
        """Those of the path softmax."""
        return LevelHeads(feature_count, hierarchy)

    def make_output(self, hierarchy: Hierarchy) -> IndependentLevels:
        """A softmax for each level."""
        return IndependentLevels(hierarchy)


FLAT = Flat()
INDEPENDENT = Independent()
