"""OBO ontologies: `[Term]` stanzas with id, name, is_a; part_of becomes a part, obsolete terms deprecated nodes."""

import re
from collections.abc import Iterator

from taxonomy.errors import TaxonomyError
from taxonomy.formats.doubts.notes import note
from taxonomy.formats.protocol import TextFormat
from taxonomy.graph import Node, Taxonomy

_STANZA = re.compile(r"^\[(\w+)\]\s*$")
_TAG = re.compile(r"^([\w-]+):\s*(.*)$")
_QUOTED = re.compile(r'^"((?:[^"\\]|\\.)*)"')
_SCORE = 0.95

Tags = dict[str, list[str]]


def detect(text: str) -> float:
    """Whether it has a Term stanza with an id."""
    return _SCORE if re.search(r"^\[Term\]\s*\n(?:[^\n]*\n){0,3}?id:", text, re.MULTILINE) else 0.0


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError on a term without an id, and on parents that are in no stanza."""
    terms = list(_terms(text))
    if not terms:
        raise TaxonomyError("no [Term] stanza", source=source)
    known = {tags["id"][0] for _, tags in terms if tags.get("id")}
    outside = 0
    nodes = []
    for line, tags in terms:
        if not tags.get("id"):
            raise TaxonomyError("a term without an id", source=source, line=line)
        parts = [
            value.split()[1]
            for value in tags.get("relationship", [])
            if value.split()[:1] == ["part_of"] and len(value.split()) > 1
        ]
        outside += sum(part not in known for part in parts)
        nodes.append(_node(tags, line, [part for part in parts if part in known]))
    if outside:
        note(f"{outside} wholes that have no term of their own were left out")
    return Taxonomy(nodes, source)


def _node(tags: Tags, line: int, parts: list[str]) -> Node:
    node_id = tags["id"][0]
    aliases = [match[1].replace('\\"', '"') for value in tags.get("synonym", []) if (match := _QUOTED.match(value))]
    definition = next((match[1] for value in tags.get("def", []) if (match := _QUOTED.match(value))), "")
    return Node(
        node_id,
        (tags.get("name") or [node_id])[0],
        tuple(value.split()[0] for value in tags.get("is_a", []) if value.split()),
        tuple(alias for alias in aliases if alias.strip()),
        description=definition.replace('\\"', '"'),
        deprecated=tags.get("is_obsolete", [""])[0].lower() == "true",
        replaced_by=next(iter(tags.get("replaced_by", ())), None),
        part_of=tuple(parts),
        line=line,
    )


def _terms(text: str) -> Iterator[tuple[int, Tags]]:
    """Yield (line, tag -> values) of every Term, comments taken off."""
    tags: Tags | None = None
    start = 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        stanza = _STANZA.match(line)
        if stanza:
            if tags is not None:
                yield start, tags
            tags, start = ({} if stanza[1] == "Term" else None), number
            continue
        tag = _TAG.match(line)
        if tags is not None and tag and not line.startswith("!"):
            value = tag[2] if tag[2].startswith('"') else re.split(r"(?<!\s)\s+(?:!(?:\s|$)|\{)", tag[2], maxsplit=1)[0]
            if value.strip():
                tags.setdefault(tag[1], []).append(value.strip())
    if tags is not None:
        yield start, tags


FORMAT = TextFormat("obo", detect, parse)
