"""Random taxonomies for hypothesis, and the naive definitions that the compiled arrays are held against.

pyproject.toml puts this folder on the path, so that the tests of every package can import it.
"""

from itertools import product

from hypothesis import strategies as st

from taxonomy import Node, Taxonomy

_MAX_PARENTS = 3


@st.composite
def dags(draw: st.DrawFn, max_nodes: int = 16, max_parents: int = _MAX_PARENTS) -> Taxonomy:
    """Nodes with up to three parents each, some inner ones assignable; the order of the ids says nothing of levels."""
    count = draw(st.integers(1, max_nodes))
    ids = [f"n{number:02d}" for number in draw(st.permutations(range(count)))]
    nodes = []
    for position, node_id in enumerate(ids):
        above = st.sets(st.sampled_from(ids[:position]), max_size=max_parents) if position else st.just(set())
        nodes.append(Node(node_id, f"name of {node_id}", tuple(draw(above)), assignable=draw(st.booleans())))
    return Taxonomy(nodes)


def trees(max_nodes: int = 16) -> st.SearchStrategy[Taxonomy]:
    """Forests of ragged depth, some inner nodes assignable."""
    return dags(max_nodes, max_parents=1)


def balanced_tree(branching: int, depth: int) -> Taxonomy:
    """One tree in which every inner node has `branching` children and every leaf stands at level `depth`."""
    nodes = []
    for level in range(depth):
        for digits in product(range(branching), repeat=level):
            node_id = "r" + "".join(map(str, digits))
            nodes.append(Node(node_id, node_id, (node_id[:-1],) if level else ()))
    return Taxonomy(nodes)


def naive_lineage(taxonomy: Taxonomy, node_id: str) -> set[str]:
    """The ids of the node and all its ancestors, by recursion."""
    found = {node_id}
    for parent in taxonomy[node_id].parents:
        found |= naive_lineage(taxonomy, parent)
    return found


def naive_height(taxonomy: Taxonomy, node_id: str) -> int:
    """Edges on the longest way down to a leaf, by recursion."""
    return max((1 + naive_height(taxonomy, child.id) for child in taxonomy.children(node_id)), default=0)
