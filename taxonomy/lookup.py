"""How a node is found by what people call it: one rule, over whatever holds the nodes."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from taxonomy.errors import TaxonomyError, some_of
from taxonomy.graph import Node, Taxonomy, split_path, tidy

_NAMED = 3  # candidates that an ambiguous name is answered with, before the rest are counted


class Candidate(NamedTuple):
    """A node that a text may mean, and its path as `A > B`."""

    node_id: str
    path: str


class NodeIndex(Protocol):
    """Where nodes are found, in memory or in a database; texts are tidied, and match exactly."""

    def by_id(self, text: str) -> Sequence[Candidate]:
        """The node of that id, if there is one."""

    def by_path(self, names: tuple[str, ...]) -> Sequence[Candidate]:
        """The node that these names lead to from a root, through whichever parents, if there is one."""

    def by_name(self, text: str) -> Sequence[Candidate]:
        """All nodes of that name."""

    def by_alias(self, text: str) -> Sequence[Candidate]:
        """All nodes that have it as an alias, or as their name in some language."""


def look_up(wanted: str, index: NodeIndex) -> str:
    """The id of the node of that id or path, or of the only node of that name or alias; the first that fits decides.

    Raises TaxonomyError when no node fits, and, naming the paths, when several do.
    """
    text = tidy(wanted)
    for find in (index.by_id, lambda path: index.by_path(split_path(path)), index.by_name, index.by_alias):
        found = find(text)
        if len(found) == 1:
            return found[0].node_id
        if found:
            paths = some_of([f"{each.path} ({each.node_id})" for each in sorted(found)], _NAMED, "; ")
            raise TaxonomyError(f"several nodes are named {wanted!r:.80}: {paths}: give the path or the id")
    raise TaxonomyError(f"no node has the id or path {wanted!r:.80}, nor that name or alias")


def find_node(taxonomy: Taxonomy, wanted: str) -> Node:
    """A node by its id, its path (`A > B`), or its name or alias where only one node has it: see `look_up`.

    Raises TaxonomyError when no node fits, and, naming the paths, when several do.
    """
    return taxonomy[look_up(wanted, _InMemory(taxonomy))]


class _InMemory:
    """The nodes of a Taxonomy, which keeps the tables of names once they are made."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy

    def by_id(self, text: str) -> list[Candidate]:
        """By id."""
        return self._candidates([text] if text in self._taxonomy else [])

    def by_path(self, names: tuple[str, ...]) -> list[Candidate]:
        """By any path."""
        try:
            return self._candidates([self._taxonomy.find_path(names).id])
        except TaxonomyError:
            return []

    def by_name(self, text: str) -> list[Candidate]:
        """By name."""
        return self._candidates(self._taxonomy.ids_by_name.get(text, ()))

    def by_alias(self, text: str) -> list[Candidate]:
        """By alias or name by locale."""
        return self._candidates(self._taxonomy.ids_by_alias.get(text, ()))

    def _candidates(self, ids: Sequence[str]) -> list[Candidate]:
        return [Candidate(node_id, self._taxonomy.path_text(node_id)) for node_id in ids]
