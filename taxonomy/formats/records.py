"""Nodes that name their parents: what tables and JSON make of an entry, and how references become edges."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from taxonomy.errors import TaxonomyError, located, some_of
from taxonomy.formats.doubts.notes import note
from taxonomy.formats.vocabulary import NO_PARENT
from taxonomy.graph import Node, tidy

_MAX_NAMED = 5
_MAX_KEYS = 50  # of an entry, that its children may know it by


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a file: its id (blank where it gives none), its name, and its parents as the file refers to them.

    fields: the further fields of its Node. part: its place where it has no line. keys: its other texts by column or
    key.
    """

    id: str
    name: str
    parents: Sequence[str] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    line: int | None = None
    part: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)


def link(records: Sequence[Record], source: str) -> list[Node]:
    """Nodes with their parents' ids. References are ids, names or another text of the entries: what covers the most.

    0, -1, null, none and the entry's own id mean "no parent" where no other node is called so. Parents by name that
    have
    no entry become roots, with a note. Entries that repeat a node with another parent are one node.
    Raises TaxonomyError on a name that two nodes have and a reference means one of.
    """
    chosen = _with_ids(records)
    targets = _targets(chosen)
    implied: dict[str, int | None] = {}
    nodes: list[Node] = []
    for record in chosen:
        with located(source, record.line, record.part):
            parents = [found for ref in record.parents if (found := _resolved(ref, record, targets, implied))]
        nodes.append(Node(record.id, record.name, tuple(parents), line=record.line, **record.fields))
    if implied:
        note(f"parents without an entry of their own became roots: {some_of(map(repr, implied), _MAX_NAMED)}")
    return [*_merged(nodes), *(Node(name, name, line=line) for name, line in implied.items())]


@dataclass(frozen=True, slots=True)
class _Targets:
    found: dict[str, str]  # reference -> id
    twins: frozenset[str]  # names that several nodes have
    by_name: bool


def _with_ids(records: Sequence[Record]) -> list[Record]:
    """Records that all have an id: their own, else the text by which their children know them, else the name."""
    if not records or all(record.id for record in records):
        return list(records)
    wanted = {tidy(ref) for record in records for ref in record.parents} - NO_PARENT
    names = {tidy(record.name) for record in records}
    if wanted and not wanted <= names and not any(record.id for record in records):
        for key in islice(records[0].keys, _MAX_KEYS):
            texts = [tidy(record.keys.get(key, "")) for record in records]
            if wanted <= set(texts) and len(set(texts)) == len(texts):
                return [replace(record, id=text) for record, text in zip(records, texts, strict=True)]
    return [record if record.id else replace(record, id=record.name) for record in records]


def _targets(records: Sequence[Record]) -> _Targets:
    ids = {tidy(record.id): tidy(record.id) for record in records}
    names: dict[str, str] = {}
    twins: set[str] = set()
    for record in records:
        name, node_id = tidy(record.name), tidy(record.id)
        if names.setdefault(name, node_id) != node_id:
            twins.add(name)
    refs = {tidy(ref) for record in records for ref in record.parents} - NO_PARENT
    by_id, by_name = len(refs & ids.keys()), len(refs & names.keys())
    unlike = not by_id and all(map(str.isdecimal, ids)) and not any(map(str.isdecimal, refs))  # words, not numbers
    if by_name > by_id or (refs and unlike):
        return _Targets(names, frozenset(twins), by_name=True)
    return _Targets(ids, frozenset(), by_name=bool(refs) and by_id == by_name and all(r.id == r.name for r in records))


def _resolved(ref: str, record: Record, targets: _Targets, implied: dict[str, int | None]) -> str | None:
    wanted = tidy(ref)
    if wanted in targets.twins:
        raise TaxonomyError(f"the parent {wanted!r} is the name of several nodes")
    found = targets.found.get(wanted) or targets.found.get(wanted.removesuffix(".0"))
    if wanted.casefold() in NO_PARENT and (found is None or found == tidy(record.id)):
        return None
    if found is None and targets.by_name:
        implied.setdefault(wanted, record.line)
        return wanted
    return found or wanted


def own_parents_dropped(records: Sequence[Record]) -> list[Record]:
    """Records whose only parent is themselves, as some exports write a root, without it; where all such are few."""
    own = [r for r in records if list(map(tidy, r.parents)) == [tidy(r.id)]]
    loose = [r for r in records if not [p for p in r.parents if p.casefold() not in NO_PARENT]]
    if not own or loose:  # another way to write a root is in use: these are mistakes
        return list(records)
    return [replace(r, parents=()) if list(map(tidy, r.parents)) == [tidy(r.id)] else r for r in records]


def _merged(nodes: Sequence[Node]) -> Iterator[Node]:
    """Entries that repeat a node with another parent are one node; Taxonomy refuses other repetitions."""
    first: dict[str, Node] = {}
    above: dict[str, dict[str, None]] = {}
    others: list[Node] = []
    for node in nodes:
        known = first.setdefault(node.id, node)
        parents = above.setdefault(node.id, {})
        if known is not node and (known.name != node.name or not node.parents or set(node.parents) <= parents.keys()):
            others.append(node)
        parents.update(dict.fromkeys(node.parents))
    for node_id, node in first.items():
        same = len(above[node_id]) == len(node.parents)
        yield node if same else replace(node, parents=tuple(above[node_id]))
    yield from others
