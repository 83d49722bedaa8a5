"""JSON lists of nodes that name their children's ids, or their parents'; also an object of id -> node.

AudioSet's ontology is such a file: `[{"id": ..., "name": ..., "child_ids": [...]}, ...]`.
"""

from collections.abc import Iterator
from typing import Any

from taxonomy.errors import TaxonomyError, located
from taxonomy.formats.json.text import ID_KEYS, NAME_KEYS, load_json, text_of, try_json
from taxonomy.formats.protocol import TextFormat
from taxonomy.graph import Node, Taxonomy, tidy

_CHILD_KEYS = ("child_ids", "childIds", "children_ids", "childrenIds", "children", "narrower", "subcategories")
_PARENT_KEYS = ("parents", "parent_ids", "parentIds", "parent", "parent_id", "parentId", "broader")
_LIST_KEYS = ("nodes", "categories", "concepts", "taxonomy", "items")


def detect(text: str) -> bool:
    """Whether it is JSON of nodes with ids, of which some name children or parents by id."""
    entries = _entries(try_json(text))
    return entries is not None and any(_links(entry) for _, entry in entries)


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError, with the number of the node, on an entry that is none."""
    entries = _entries(load_json(text, source))
    if entries is None:
        raise TaxonomyError("expected a list of nodes with ids, or an object of id -> node", source=source)
    read = []
    for number, (key, entry) in enumerate(entries, 1):
        with located(source, part=f"node {number}"):
            read.append(_read(key, entry))
    known = {node_id for node_id, *_ in read}
    parents: dict[str, dict[str, None]] = {node_id: dict.fromkeys(above) for node_id, _, _, above, _ in read}
    for number, (node_id, _, below, _, _) in enumerate(read, 1):
        for child in below:
            if child not in known:
                raise TaxonomyError(f"node {number}: unknown child {child!r} of {node_id!r}", source=source)
            parents[child][node_id] = None
    return Taxonomy(
        (Node(node_id, name, tuple(parents[node_id]), description=description)
         for node_id, name, _, _, description in read), source
    )  # fmt: skip


def _entries(value: Any) -> list[tuple[str | None, dict[str, Any]]] | None:
    """(key or None, node) pairs; None where it is no collection of nodes."""
    if isinstance(value, dict):
        listed = next((value[key] for key in _LIST_KEYS if isinstance(value.get(key), list)), None)
        if isinstance(value.get("verticals"), list):  # Shopify's categories.json
            listed = [
                each for part in value["verticals"] if isinstance(part, dict) for each in part.get("categories", [])
            ]
        if listed is None:
            pairs = [(str(key), entry) for key, entry in value.items()]
            return pairs if pairs and all(isinstance(entry, dict) for _, entry in pairs) else None  # type: ignore[return-value]
        value = listed
    if not isinstance(value, list) or not value or not all(isinstance(entry, dict) for entry in value):
        return None
    return [(None, entry) for entry in value] if all(set(ID_KEYS) & entry.keys() for entry in value) else None


def _links(entry: dict[str, Any]) -> bool:
    """Whether the entry names other nodes by their ids."""
    for key in (*_CHILD_KEYS, *_PARENT_KEYS):
        value = entry.get(key)
        values = value if isinstance(value, list) else [value] if value is not None else []
        if values and all(isinstance(each, (str, int)) and not isinstance(each, bool) for each in values):
            return True
        if values and "parent_id" in entry and all(isinstance(each, dict) for each in values):
            return True  # children named by small objects beside the parent's id
    return False


def _read(key: str | None, entry: dict[str, Any]) -> tuple[str, str, tuple[str, ...], tuple[str, ...], str]:
    """(id, name, children, parents, description)."""
    node_id = text_of(entry, ID_KEYS) or key
    if not node_id:
        raise TaxonomyError("no id")
    name = text_of(entry, NAME_KEYS)
    description = entry.get("description")
    return (
        tidy(node_id),
        node_id if name is None else name,
        tuple(_ids(entry, _CHILD_KEYS)),
        tuple(_ids(entry, _PARENT_KEYS)),
        description if isinstance(description, str) else "",
    )


def _ids(entry: dict[str, Any], keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        value = entry.get(key)
        for held in value if isinstance(value, list) else [value] if value not in (None, "") else []:
            each = text_of(held, ID_KEYS) if isinstance(held, dict) else held
            if isinstance(each, bool) or not isinstance(each, (str, int)):
                raise TaxonomyError(f"{key!r} holds something that is no id: {each!r:.60}")
            yield tidy(str(each))


FORMAT = TextFormat("json-nodes", detect, parse)
