"""The taxonomy: an immutable directed acyclic graph of nodes with stable ids."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import networkx as nx

from taxonomy.errors import TaxonomyError, some_of

PATH_SEPARATOR = " > "
_SEPARATOR = re.compile(r"(?<!\S)>(?!\S)")
MAX_LEVELS = 1000  # deeper than any real taxonomy; a chain of many thousands would fill the memory with its ancestors
MAX_ID_SIGNS = 2**26  # in all ids and all references to them: a long id may stand in very many children
_MAX_NAMED = 5  # nodes that one message names before it counts the rest


@dataclass(frozen=True, slots=True)
class Node:
    """One node and the ids of its parents; a root has none.

    names: the name by locale. assignable: an asset may be labelled with the node although it has children.
    replaced_by: the id of the node to use instead. part_of: the ids of the nodes that it is a part of; these are not
    is-a edges, and neither labels nor probabilities pass along them. line: where the file has the node, for messages
    only; it counts neither for equality nor for the release. Texts are tidied: see `tidy`.
    """

    id: str
    name: str
    parents: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict, hash=False)
    description: str = ""
    assignable: bool = False
    deprecated: bool = False
    replaced_by: str | None = None
    part_of: tuple[str, ...] = ()
    line: int | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", tidy(self.id))
        object.__setattr__(self, "name", tidy(self.name))
        object.__setattr__(self, "parents", tuple(sorted({tidy(parent) for parent in self.parents})))
        object.__setattr__(self, "part_of", tuple(sorted({tidy(whole) for whole in self.part_of})))
        object.__setattr__(self, "aliases", tuple(sorted({tidy(alias) for alias in self.aliases})))
        object.__setattr__(self, "description", "\n".join(self.description.split("\r\n")).replace("\r", "\n").strip())
        if self.replaced_by is not None:
            object.__setattr__(self, "replaced_by", tidy(self.replaced_by))
        object.__setattr__(self, "names", MappingProxyType(dict(sorted(self.names.items()))))

    @property
    def texts(self) -> tuple[str, ...]:
        """All that is written in the node besides its id, its name and the ids of others."""
        return (*self.aliases, *self.names, *self.names.values(), self.description, self.replaced_by or "")

    @property
    def other_names(self) -> tuple[str, ...]:
        """What the node may be called besides its name: its aliases, and its names by locale, tidied."""
        return tuple(sorted({*self.aliases, *map(tidy, self.names.values())} - {self.name, ""}))


class Taxonomy:
    """Nodes joined by is-a edges; leaves may lie at different levels, and a node may have several parents.

    Raises TaxonomyError, naming the nodes (and the lines, where the nodes carry them), on: no node at all, a blank id
    or name, a duplicate id, an unknown parent, a self edge, a cycle, two siblings of one name, more than 1,000 levels,
    ids that are longer together than MAX_ID_SIGNS, a NUL, half a surrogate pair.
    """

    def __init__(self, nodes: Iterable[Node], source: str = "taxonomy") -> None:
        self.source = source
        self._nodes = self._index(nodes)
        self._refuse_bad_edges()
        self._graph = self._build_graph()
        self._refuse_cycles()
        self._refuse_depth()
        self._refuse_twin_siblings()

    @property
    def graph(self) -> "nx.DiGraph[str]":
        """The frozen networkx graph of node ids; edges run from parent to child."""
        return self._graph

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._nodes

    def __getitem__(self, node_id: str) -> Node:
        """The node of that id. Raises TaxonomyError when there is none."""
        try:
            return self._nodes[node_id]
        except KeyError:
            raise TaxonomyError(f"no node has the id {node_id!r}", source=self.source) from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Taxonomy) and self._nodes == other._nodes

    def __hash__(self) -> int:
        return hash(frozenset(self._nodes))

    def __repr__(self) -> str:
        return f"Taxonomy({len(self)} nodes from {self.source})"

    @cached_property
    def roots(self) -> tuple[Node, ...]:
        """Nodes without a parent, in the order of their ids."""
        return tuple(node for node in self._nodes.values() if not node.parents)

    @cached_property
    def leaves(self) -> tuple[Node, ...]:
        """Nodes without a child, in the order of their ids."""
        return tuple(node for node in self._nodes.values() if not self._graph.out_degree(node.id))

    @cached_property
    def levels(self) -> Mapping[str, int]:
        """Node id -> level: 1 for roots, else 1 + the largest level of the parents."""
        found: dict[str, int] = {}
        for node_id in nx.topological_sort(self._graph):
            found[node_id] = 1 + max((found[parent] for parent in self._nodes[node_id].parents), default=0)
        return MappingProxyType(found)

    def children(self, node_id: str) -> tuple[Node, ...]:
        """The children of a node, in the order of their names."""
        return self._by_name(self._graph.successors(self[node_id].id))

    def is_terminal(self, node_id: str) -> bool:
        """Whether an asset may be labelled with the node: a leaf that is not deprecated, or one marked assignable."""
        node = self[node_id]
        return node.assignable or not (node.deprecated or self._graph.out_degree(node_id))

    def find_path(self, names: Sequence[str]) -> Node:
        """The node reached from a root by these names. Raises TaxonomyError with the step that fails."""
        node_id: str | None = None
        for step, raw in enumerate(names):
            following = self._child_named.get((node_id, tidy(raw)))
            if following is None:
                above = PATH_SEPARATOR.join(names[:step])
                where = f"under {above!r}" if above else "among the roots"
                raise TaxonomyError(f"{PATH_SEPARATOR.join(names)!r} is not in the taxonomy: no {raw!r} {where}")
            node_id = following
        if node_id is None:
            raise TaxonomyError("an empty path names no node")
        return self[node_id]

    def path(self, node_id: str) -> tuple[Node, ...]:
        """One path from a root to the node, inclusive; where several parents exist, through the first by id."""
        steps = [self[node_id]]
        while steps[-1].parents:
            steps.append(self[steps[-1].parents[0]])
        return tuple(reversed(steps))

    def path_text(self, node_id: str) -> str:
        """The names of `path`, written `A > B > C`."""
        return PATH_SEPARATOR.join(node.name for node in self.path(node_id))

    @cached_property
    def ids_by_name(self) -> Mapping[str, Sequence[str]]:
        """Name -> the ids of the nodes that have it."""
        return _grouped((node.name, node.id) for node in self)

    @cached_property
    def ids_by_alias(self) -> Mapping[str, Sequence[str]]:
        """Alias or name in some language -> the ids of the nodes that have it, without those of that very name."""
        return _grouped((name, node.id) for node in self for name in node.other_names)

    @cached_property
    def _child_named(self) -> Mapping[tuple[str | None, str], str]:
        found: dict[tuple[str | None, str], str] = {}
        for node in self._nodes.values():
            for parent in node.parents or (None,):
                found[parent, node.name] = node.id
        return found

    def _by_name(self, ids: Iterable[str]) -> tuple[Node, ...]:
        return tuple(sorted((self._nodes[node_id] for node_id in ids), key=lambda node: (node.name, node.id)))

    def _index(self, nodes: Iterable[Node]) -> dict[str, Node]:
        found: dict[str, Node] = {}
        signs = 0
        for node in nodes:
            signs += len(node.id) + sum(map(len, node.parents)) + sum(map(len, node.part_of))
            if signs > MAX_ID_SIGNS:
                raise TaxonomyError(f"ids of more than {MAX_ID_SIGNS} characters in all", source=self.source)
            if not node.id:
                raise TaxonomyError(f"the node named {node.name!r}{_line(node)} has a blank id", source=self.source)
            if not node.name:
                raise TaxonomyError(f"node {node.id!r}{_line(node)} has a blank name", source=self.source)
            if wrong := _unwritable(node):
                raise TaxonomyError(f"node {node.id!r}{_line(node)} holds {wrong}", source=self.source)
            if node.id in found:
                both = f"{_line(found[node.id])} and again{_line(node)}".strip()
                raise TaxonomyError(f"duplicate id {node.id!r} {both}".rstrip(), source=self.source)
            found[node.id] = node
        if not found:
            raise TaxonomyError("the taxonomy is empty", source=self.source)
        return dict(sorted(found.items()))

    def _refuse_bad_edges(self) -> None:
        selves = [f"{node.id!r}{_line(node)}" for node in self if node.id in node.parents]
        if selves:
            raise TaxonomyError(f"a node is its own parent: {some_of(selves, _MAX_NAMED)}", source=self.source)
        unknown = [
            f"{parent!r} of {node.id!r}{_line(node)}" for node in self for parent in node.parents if parent not in self
        ]
        if unknown:
            raise TaxonomyError(f"unknown parent: {some_of(unknown, _MAX_NAMED)}", source=self.source)
        lost = [
            f"{whole!r} of {node.id!r}{_line(node)}" for node in self for whole in node.part_of if whole not in self
        ]
        if lost:
            raise TaxonomyError(f"unknown whole: {some_of(lost, _MAX_NAMED)}", source=self.source)

    def _build_graph(self) -> "nx.DiGraph[str]":
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(self._nodes)
        graph.add_edges_from((parent, node.id) for node in self for parent in node.parents)
        nx.freeze(graph)
        return graph

    def _refuse_cycles(self) -> None:
        if nx.is_directed_acyclic_graph(self._graph):
            return
        ring = [edge[0] for edge in nx.find_cycle(self._graph)]
        first = ring.index(min(ring))
        turned = [*ring[first:], *ring[:first], ring[first]]
        shown = [f"{node_id!r}{_line(self[node_id])}" for node_id in turned]
        if len(shown) > 2 * _MAX_NAMED:
            shown = [*shown[:_MAX_NAMED], f"... {len(ring) - _MAX_NAMED} more", shown[-1]]
        raise TaxonomyError(f"cycle: {' -> '.join(shown)}", source=self.source)

    def _refuse_depth(self) -> None:
        deepest = max(self.levels, key=self.levels.__getitem__)
        if self.levels[deepest] > MAX_LEVELS:
            where = f"{deepest!r:.80}{_line(self[deepest])}"
            raise TaxonomyError(
                f"more than {MAX_LEVELS} levels deep: {where} is at {self.levels[deepest]}", source=self.source
            )

    def _refuse_twin_siblings(self) -> None:
        named: dict[tuple[str | None, str], list[Node]] = defaultdict(list)
        for node in self:
            for parent in node.parents or (None,):
                named[parent, node.name].append(node)
        for (parent, name), twins in named.items():
            if len(twins) > 1:
                where = f"under {parent!r}" if parent is not None else "among the roots"
                ids = some_of([f"{node.id!r}{_line(node)}" for node in twins], _MAX_NAMED)
                raise TaxonomyError(f"two siblings named {name!r} {where}: {ids}", source=self.source)


def _unwritable(node: Node) -> str | None:
    """What a node holds that no file and no database can; None for nothing."""
    texts = "".join((node.id, node.name, *node.texts))
    if "\0" in texts:
        return "a NUL"
    if not texts.isascii() and any("\ud800" <= sign <= "\udfff" for sign in texts):
        return "a lone surrogate, which is no Unicode text"
    return None


def _grouped(pairs: Iterable[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return MappingProxyType(dict(found))


def tidy(text: str) -> str:
    """The text in Unicode NFC, stripped, with one space for any white space inside: the form of ids and names."""
    tidied = " ".join(unicodedata.normalize("NFC", text).split())
    return text if text == tidied else tidied  # so that references share their text with the id


def split_path(text: str) -> tuple[str, ...]:
    """The names of a path written `A > B > C`, tidied; blank names are kept, for the caller to refuse."""
    return tuple(tidy(name) for name in _SEPARATOR.split(text))


def _line(node: Node) -> str:
    return f" (line {node.line})" if node.line is not None else ""
