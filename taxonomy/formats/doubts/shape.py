"""Trees that come out absurd: a reader may have taken the file for something else."""

from taxonomy.graph import Taxonomy

_MANY = 20  # roots from which their number is worth a word
_MANY_TO_ONE = 10


def shape_warnings(taxonomy: Taxonomy) -> list[str]:
    """Warnings about the shape: a flat list, nearly as many roots as leaves, one leaf for many roots."""
    roots, leaves, nodes = len(taxonomy.roots), len(taxonomy.leaves), len(taxonomy)
    if roots == nodes:
        return [f"a flat list: {nodes} nodes without an edge"] if nodes > 1 else []
    if roots >= _MANY and roots >= _MANY_TO_ONE * leaves:
        return [f"{roots} roots and {leaves} leaves: are the columns the other way round?"]
    if roots >= _MANY and 10 * roots >= 9 * leaves:
        return [f"nearly as many roots ({roots}) as leaves ({leaves}): few nodes have a parent"]
    return []
