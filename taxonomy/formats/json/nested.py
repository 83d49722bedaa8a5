"""Nested JSON: nodes that hold their children (`children`, `Subcategory`), and their parts (`Part`).

Entries without an id are known by their name where all entries of one name hold the same children, or none: they are
one node with several parents, as in the Open Images hierarchy. Where entries of one name differ (Shoes under Men and
under Women), and in a plain mapping of names (`{"Animals": {"Cats": {}}}`), a node is known by its path.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from taxonomy.errors import TaxonomyError, located
from taxonomy.formats.json.text import ID_KEYS, NAME_KEYS, load_json, text_of, try_json
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.tables.paths import taxonomy_of_paths
from taxonomy.graph import MAX_LEVELS, PATH_SEPARATOR, Node, Taxonomy, tidy

_CHILD_KEYS = ("children", "Subcategory", "subcategories", "Subcategories", "nodes", "items", "narrower", "child")
_PART_KEYS = ("Part", "parts")


def detect(text: str) -> bool:
    """Whether it is JSON in which an entry holds entries, or a mapping of names that holds mappings."""
    value = try_json(text)
    roots = value if isinstance(value, list) else [value]
    if not roots or not all(isinstance(root, dict) for root in roots):
        return False
    return any(_holds_entries(root) for root in roots) or (isinstance(value, dict) and _is_mapping(value))


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError on an entry without a name, and below level 1,000."""
    value = load_json(text, source)
    if isinstance(value, dict) and _is_mapping(value) and not _holds_entries(value):
        return taxonomy_of_paths(_paths(value, source), source)
    if isinstance(value, dict) and not set(NAME_KEYS) & value.keys() and _holds_entries(value):
        value = [entry for key in _CHILD_KEYS for entry in value.get(key, ())]  # a nameless top
    return Taxonomy(_nodes(value if isinstance(value, list) else [value], source), source)


def _nodes(roots: list[Any], source: str) -> Iterator[Node]:
    entries = _walk(roots, source)
    by_path = _differ(entries)
    names: dict[str, str] = {}
    parents: dict[str, dict[str, None]] = {}
    wholes: dict[str, dict[str, None]] = {}
    known: list[str] = []
    for entry in entries:
        above = known[entry.above] if entry.above is not None else None
        implied = entry.name if above is None or not by_path else f"{above}{PATH_SEPARATOR}{entry.name}"
        node_id = entry.given_id or implied
        known.append(node_id)
        if names.setdefault(node_id, entry.name) != entry.name:
            raise TaxonomyError(
                f"the id {node_id!r} has two names, {names[node_id]!r} and {entry.name!r}", source=source
            )
        parents.setdefault(node_id, {})
        wholes.setdefault(node_id, {})
        if above is not None:
            (wholes if entry.is_part else parents)[node_id][above] = None
    for node_id, name in names.items():
        yield Node(node_id, name, tuple(parents[node_id]), part_of=tuple(wholes[node_id]))


class _Entry(NamedTuple):
    name: str
    given_id: str | None
    above: int | None  # the position of the entry that holds this one
    is_part: bool
    children: frozenset[str]  # their names


def _walk(roots: list[Any], source: str) -> list[_Entry]:
    """All entries, each after the one that holds it. Raises TaxonomyError."""
    found: list[_Entry] = []
    pending: list[tuple[Any, int | None, bool, int]] = [(root, None, False, 1) for root in reversed(roots)]
    while pending:
        value, above, is_part, level = pending.pop()
        if level > MAX_LEVELS:
            raise TaxonomyError(f"nested more than {MAX_LEVELS} levels deep", source=source)
        with located(source, part=f"under {found[above].name!r}" if above is not None else "at the top"):
            name, given_id = _identity(value)
        held = {False: _held(value, _CHILD_KEYS, source), True: _held(value, _PART_KEYS, source)}
        children = frozenset(str(child.get(key)) for child in held[False] if isinstance(child, dict)
                             for key in NAME_KEYS if key in child)  # fmt: skip
        pending.extend((child, len(found), part, level + 1) for part in (True, False) for child in reversed(held[part]))
        found.append(_Entry(name, given_id, above, is_part, children))
    return found


def _differ(entries: list[_Entry]) -> bool:
    """Whether two entries of one name, without ids, hold different children."""
    held: dict[str, frozenset[str]] = {}
    return any(
        entry.given_id is None and entry.children and held.setdefault(entry.name, entry.children) != entry.children
        for entry in entries
    )


def _identity(entry: Any) -> tuple[str, str | None]:
    """(name, id or None)."""
    if not isinstance(entry, dict):
        raise TaxonomyError(f"{entry!r:.60} is no object")
    name, node_id = text_of(entry, NAME_KEYS), text_of(entry, ID_KEYS)
    if name is None and node_id is None:
        raise TaxonomyError(f"an entry without a name: {str(entry)[:60]}")
    said = tidy(name if name is not None else node_id or "")
    if not said:
        raise TaxonomyError("an entry with a blank name")
    return said, tidy(node_id) if node_id else None


def _held(entry: dict[str, Any], keys: tuple[str, ...], source: str) -> list[Any]:
    held: list[Any] = []
    for key in keys:
        value = entry.get(key)
        if value is None:
            continue
        if not isinstance(value, (list, dict)):
            raise TaxonomyError(f"{key!r} holds {value!r:.60} in place of entries", source=source)
        held.extend(value if isinstance(value, list) else [value])
    return held


def _holds_entries(entry: dict[str, Any]) -> bool:
    for key in (*_CHILD_KEYS, *_PART_KEYS):
        value = entry.get(key)
        if isinstance(value, list) and value and all(isinstance(child, dict) for child in value):
            return True
    return False


def _is_mapping(value: dict[str, Any]) -> bool:
    """Whether all values, and theirs, are mappings of names, lists of names or nothing, and one holds something."""
    values = list(value.values())
    below = [inner for each in values if isinstance(each, dict) for inner in each.values()]
    plain = all(
        each is None or isinstance(each, dict) or (isinstance(each, list) and all(isinstance(n, str) for n in each))
        for each in (*values, *below)
    )
    return plain and any(values) and "@context" not in value


def _paths(value: dict[str, Any], source: str) -> Iterator[tuple[int, tuple[str, ...], str]]:
    pending: list[tuple[Any, tuple[str, ...]]] = [(value, ())]
    while pending:
        held, names = pending.pop()
        if names:
            yield 0, names, ""
        if len(names) > MAX_LEVELS:
            raise TaxonomyError(f"nested more than {MAX_LEVELS} levels deep", source=source)
        below = held.items() if isinstance(held, dict) else [(name, None) for name in held or ()]
        for name, child in below:
            if not isinstance(name, str) or not (child is None or isinstance(child, (dict, list))):
                raise TaxonomyError(f"{name!r:.60} holds {child!r:.60} in place of names", source=source)
            pending.append((child, (*names, tidy(name))))


FORMAT = TextFormat("nested-json", detect, parse)
