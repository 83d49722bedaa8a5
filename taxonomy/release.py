"""Canonical JSON and the release: one immutable version of a taxonomy, named by its content hash."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taxonomy.graph import Node, Taxonomy

FORMAT = "cladist-taxonomy/1"


def canonical_json(taxonomy: "Taxonomy") -> str:
    """The taxonomy as JSON with keys and nodes in a fixed order; equal taxonomies give equal text."""
    body = {"format": FORMAT, "nodes": [_fields(node) for node in taxonomy]}
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def release(taxonomy: "Taxonomy") -> str:
    """The sha256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(taxonomy).encode("utf-8")).hexdigest()


def _fields(node: "Node") -> dict[str, Any]:
    """The node's fields, without those that hold their default."""
    fields = {
        "id": node.id,
        "name": node.name,
        "parents": list(node.parents),
        "aliases": list(node.aliases),
        "names": dict(node.names),
        "description": node.description,
        "assignable": node.assignable,
        "deprecated": node.deprecated,
        "replaced_by": node.replaced_by,
        "part_of": list(node.part_of),
    }
    return {key: value for key, value in fields.items() if value not in ([], {}, "", False, None)}
