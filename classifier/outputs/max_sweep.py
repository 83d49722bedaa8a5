"""The maximum over what lies below each node, level by level."""

import torch
from torch import Tensor, nn

from taxonomy import Hierarchy


class MaxSweep(nn.Module):
    """The most probable descendant-or-self of every node, level by level from the deepest.

    After a sum the lift is a rounding error at most; it turns "coherent but for rounding" into "coherent".
    """

    _edges: Tensor  # (E, 2) parent, child

    def __init__(self, hierarchy: Hierarchy) -> None:
        super().__init__()
        self._steps = hierarchy.edge_slices[::-1]
        self._jumps = (hierarchy.depth - 1).bit_length()
        self.register_buffer("_edges", torch.from_numpy(hierarchy.edges), persistent=False)

    def forward(self, probs: Tensor) -> Tensor:
        """(B, N) -> (B, N) lifted, without a gradient; where that is needed, gather from the `sources`."""
        return self._lifted(probs.detach()).T.contiguous()

    @torch.no_grad()
    def sources(self, probs: Tensor) -> Tensor:
        """(B, N) -> (B, N) int64, the position of the descendant-or-self that each node's maximum comes from.

        One of those that tie, always the same one.
        """
        lifted = self._lifted(probs)
        parents, children = self._edges.T
        tied = torch.where(lifted[children] == lifted[parents], children[:, None], -1)  # (E, B)
        nodes = torch.arange(len(lifted), device=lifted.device)[:, None].expand_as(lifted)
        source = nodes.scatter_reduce(0, parents[:, None].expand_as(tied), tied, "amax")  # children stand after parents
        for _ in range(self._jumps):
            source = source.gather(0, source)
        return source.T

    def _lifted(self, probs: Tensor) -> Tensor:
        """(B, N) -> (N, B): with the nodes in rows, a step reads and writes whole rows."""
        rows = probs.T.clone(memory_format=torch.contiguous_format)
        for step in self._steps:
            parents, children = self._edges[step].T
            rows.scatter_reduce_(0, parents[:, None].expand(-1, rows.shape[1]), rows[children], "amax")
        return rows
