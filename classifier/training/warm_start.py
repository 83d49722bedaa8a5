"""Begin a training with the weights of a bundle of another release: backbone, and the heads' rows of surviving nodes.

Under the path softmax what counts of a node is theta, the sum of the rows of its ancestors-or-self. Rows are chosen so
that every surviving node has in the new release just the theta that it had in the old one, wherever it moved; so the
first answers are those of the old model, node for node. k nodes that merged start from the mean of their thetas plus
log k, the k parts of a split node from its theta less log k; added nodes start fresh.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping

import torch
from scipy.sparse import csr_array
from torch import Tensor

from classifier.bundles.bundle import Bundle
from classifier.config import Mode
from classifier.networks.heads import HierarchicalNet, LevelHeads
from taxonomy import Hierarchy
from taxonomy.changes.diff import Difference


def warm_start(net: HierarchicalNet, hierarchy: Hierarchy, bundle: Bundle, difference: Difference) -> None:
    """Give a fresh network on the new release (`difference.after`) the weights of a bundle of the old one.

    Raises BundleError when the bundle's weights cannot be read.
    """
    old = bundle.load_net()
    net.backbone.load_state_dict(old.backbone.state_dict())
    if isinstance(net.heads, torch.nn.Sequential) and isinstance(old.heads, torch.nn.Sequential):
        net.heads[0].load_state_dict(old.heads[0].state_dict())
    carry = _CARRIES[bundle.info.mode]
    fresh, rows = _read_rows(net.heads), _read_rows(old.heads)
    _write_rows(net.heads, carry(fresh, rows, hierarchy, difference, bundle.hierarchy))


def _read_rows(heads: torch.nn.Module) -> Tensor:
    """(C, D + 1) weights and biases of all columns."""
    parts = [torch.cat([head.weight, head.bias[:, None]], dim=1) for head in _linears(heads)]
    return torch.cat(parts).detach().double()


def _write_rows(heads: torch.nn.Module, rows: Tensor) -> None:
    start = 0
    for head in _linears(heads):
        here = rows[start : start + head.out_features]
        head.load_state_dict({"weight": here[:, :-1].float(), "bias": here[:, -1].float()})
        start += head.out_features


def _linears(heads: torch.nn.Module) -> list[torch.nn.Linear]:
    """The linear layers of level heads, in the order of their columns; narrowed heads stand behind another layer."""
    levels = heads[1] if isinstance(heads, torch.nn.Sequential) else heads
    if not isinstance(levels, LevelHeads):
        raise TypeError(f"a warm start needs level heads, not {type(heads).__name__}")
    return [head for head in levels.heads if isinstance(head, torch.nn.Linear)]


def _thetas(rows: Tensor, hierarchy: Hierarchy) -> tuple[Tensor, dict[str, Tensor]]:
    """(N, D + 1) theta of every node, and of each inner terminal its "exactly this" theta by id."""
    count = len(hierarchy)
    summed = torch.from_numpy(hierarchy.lineage.astype("float64") @ rows[:count].numpy())
    inner = hierarchy.terminals[hierarchy.inner_terminals].tolist()
    return summed, {hierarchy.node_ids[node]: summed[node] + rows[count + k] for k, node in enumerate(inner)}


def _wanted(
    nodes: Tensor, exact: dict[str, Tensor], hierarchy: Hierarchy, difference: Difference, before: Hierarchy
) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """New position -> the theta that it should have, and that of "exactly this" for inner terminals."""
    is_inner = {int(node) for node in hierarchy.edges[:, 0]}
    wanted: dict[int, Tensor] = {}
    wanted_exact: dict[int, Tensor] = {}
    for new, olds in _sources(difference).items():
        position = hierarchy.index[new]
        ends_here = position not in is_inner
        thetas = []
        for old, parts in olds:
            theta = exact.get(old, nodes[before.index[old]]) if ends_here else nodes[before.index[old]]
            thetas.append(_shifted(theta, -math.log(parts)))
        wanted[position] = _shifted(torch.stack(thetas).mean(dim=0), math.log(len(thetas)))
        kept = [exact[old] for old, _ in olds if old in exact]
        if kept and not ends_here:
            wanted_exact[position] = torch.stack(kept).mean(dim=0)
    return wanted, wanted_exact


def _path_rows(fresh: Tensor, rows: Tensor, hierarchy: Hierarchy, difference: Difference, before: Hierarchy) -> Tensor:
    """Path softmax: what counts of a node is theta, so rows change where ancestors do."""
    nodes, exact = _thetas(rows, before)
    return _new_rows(fresh, hierarchy, *_wanted(nodes, exact, hierarchy, difference, before))


def _own_rows(fresh: Tensor, rows: Tensor, hierarchy: Hierarchy, difference: Difference, before: Hierarchy) -> Tensor:
    """Sigmoid and maximum: a row stands for its own node and moves with it; merged nodes start from the mean."""
    moved = fresh.clone()
    for new, olds in _sources(difference).items():
        moved[hierarchy.index[new]] = torch.stack([rows[before.index[old]] for old, _ in olds]).mean(dim=0)
    return moved


def _sources(difference: Difference) -> dict[str, list[tuple[str, int]]]:
    """New id -> the old ids that became it, each with the number of parts that it became."""
    sources: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for change in difference.changes:
        for new in change.new if change.old is not None else ():
            sources[new].append((change.old or "", len(change.new)))
    return sources


def _shifted(theta: Tensor, by: float) -> Tensor:
    shifted = theta.clone()
    shifted[-1] += by
    return shifted


def _new_rows(
    fresh: Tensor, hierarchy: Hierarchy, wanted: dict[int, Tensor], wanted_exact: dict[int, Tensor]
) -> Tensor:
    """Rows level by level: the wanted theta minus the sum of the ancestors' rows; fresh ones where none is wanted."""
    count = len(hierarchy)
    rows = torch.zeros_like(fresh)
    lineage = csr_array(hierarchy.lineage.astype("float64"))
    for level in hierarchy.level_slices:
        above = torch.from_numpy(lineage[level] @ rows[:count].numpy())
        for place, node in enumerate(range(level.start, level.stop)):
            rows[node] = wanted[node] - above[place] if node in wanted else fresh[node]
    thetas = torch.from_numpy(lineage @ rows[:count].numpy())
    for k, node in enumerate(hierarchy.terminals[hierarchy.inner_terminals].tolist()):
        rows[count + k] = wanted_exact[node] - thetas[node] if node in wanted_exact else fresh[count + k]
    return rows


_CARRIES: Mapping[Mode, Callable[[Tensor, Tensor, Hierarchy, Difference, Hierarchy], Tensor]] = {
    "single": _path_rows,
    "multi": _own_rows,
}
