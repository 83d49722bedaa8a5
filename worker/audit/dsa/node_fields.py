"""What a mapping says for the nodes of one release, inherited down the tree."""

from typing import Any

import networkx as nx

from taxonomy import Taxonomy, TaxonomyError, find_node
from taxonomy.graph import tidy
from worker.audit.dsa.mapping import NO_FIELDS, DsaMapping, Fields


class AmbiguousError(Exception):
    """Two parents of a node say different things."""


class NodeFields:
    """The fields of each node of a release, by the mapping. Raises MappingFileError on a name of several nodes."""

    def __init__(self, taxonomy: Taxonomy | None, mapping: DsaMapping) -> None:
        self._taxonomy = taxonomy
        self._mapping = mapping
        self._texts: dict[str, str] = {}  # node id -> what the mapping calls it
        self._cache: dict[str | None, Fields] = {None: NO_FIELDS}
        for text in mapping.nodes:
            node = self._find(text)
            if node in self._texts:
                raise mapping.refuse_node(text, f"it is the same node as {self._texts[node]!r:.80}")
            if node is not None:
                self._texts[node] = text

    @property
    def known(self) -> set[str]:
        """Those of the mapping's nodes that this release has."""
        return set(self._texts.values())

    def _find(self, text: str) -> str | None:
        taxonomy = self._taxonomy
        if taxonomy is None:
            return None
        try:
            return find_node(taxonomy, text).id
        except TaxonomyError as error:
            if tidy(text) in taxonomy.ids_by_name or tidy(text) in taxonomy.ids_by_alias:  # of several nodes
                raise self._mapping.refuse_node(text, error.message) from None
            return None

    def name(self, node: str | None) -> str:
        """The path of a node, as people know it."""
        if node is None or self._taxonomy is None or node not in self._taxonomy:
            return node or "no node"
        return self._taxonomy.path_text(node)

    def fields(self, node: str | None) -> Fields:
        """What is given for a node, or inherited: of two ancestors the deeper wins. Raises AmbiguousError."""
        if node not in self._cache:
            self._cache[node] = self._inherited(node) if node is not None else NO_FIELDS
        return self._cache[node]

    def _inherited(self, node: str) -> Fields:
        if self._taxonomy is None or node not in self._taxonomy:
            return NO_FIELDS
        levels = self._taxonomy.levels
        above = [each for each in (*nx.ancestors(self._taxonomy.graph, node), node) if each in self._texts]
        found: dict[str, tuple[int, str, Any]] = {}
        for each in sorted(above, key=lambda each: (levels[each], each)):
            for field, value in self._mapping.nodes[self._texts[each]].items():
                level, other, before = found.get(field, (0, "", None))
                if level == levels[each] and before != value:
                    raise AmbiguousError(f"{other!r:.80} and {each!r:.80}, both above it, give another {field}")
                found[field] = (levels[each], each, value)
        return {field: value for field, (_, _, value) in found.items()}
