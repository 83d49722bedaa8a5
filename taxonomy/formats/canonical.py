"""Canonical JSON: what Cladist itself writes."""

from collections.abc import Mapping
from typing import Any

from taxonomy.errors import TaxonomyError
from taxonomy.formats.json.text import has_lone_surrogate, parse_json
from taxonomy.formats.protocol import TextFormat
from taxonomy.graph import Node, Taxonomy
from taxonomy.release import FORMAT as CANONICAL
from taxonomy.release import canonical_json

_TYPES: Mapping[str, type] = {
    "id": str,
    "name": str,
    "parents": list,
    "aliases": list,
    "names": dict,
    "description": str,
    "assignable": bool,
    "deprecated": bool,
    "replaced_by": str,
    "part_of": list,
}


def detect(text: str) -> bool:
    """Whether the text is a JSON object that names the canonical format."""
    return text.lstrip().startswith("{") and f'"{CANONICAL}"' in text


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError on text that is not canonical JSON."""
    body = parse_json(text, source)
    if not isinstance(body, dict) or body.get("format") != CANONICAL or not isinstance(body.get("nodes"), list):
        raise TaxonomyError(f"expected an object with 'format': '{CANONICAL}' and a list 'nodes'", source=source)
    return Taxonomy((_node(entry, number, source) for number, entry in enumerate(body["nodes"], 1)), source)


def _node(entry: Any, number: int, source: str) -> Node:
    if not isinstance(entry, dict):
        raise TaxonomyError(f"node {number} is not an object", source=source)
    for key, value in entry.items():
        if key not in _TYPES or not isinstance(value, _TYPES[key]):
            raise TaxonomyError(f"node {number}: unexpected {key!r}: {value!r:.60}", source=source)
        if isinstance(value, (list, dict)):
            texts = [*value, *value.values()] if isinstance(value, dict) else value
            if not all(isinstance(text, str) for text in texts):
                raise TaxonomyError(f"node {number}: {key!r} must hold text only", source=source)
    if has_lone_surrogate(entry):
        raise TaxonomyError(f"node {number} holds a lone surrogate, which is no Unicode text", source=source)
    if "id" not in entry or "name" not in entry:
        raise TaxonomyError(f"node {number} lacks an id or a name", source=source)
    lists = {key: tuple(entry[key]) for key in ("parents", "aliases", "part_of") if key in entry}
    return Node(**{**entry, **lists})


FORMAT = TextFormat("canonical-json", detect, parse, canonical_json)
