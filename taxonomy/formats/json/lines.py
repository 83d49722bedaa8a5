"""JSON Lines: one entry a line."""

import json
from itertools import islice
from typing import Any

from taxonomy.errors import TaxonomyError
from taxonomy.formats.json import table
from taxonomy.formats.json.collection import find_entries, links
from taxonomy.formats.json.entries import taxonomy_of_value
from taxonomy.formats.json.text import has_lone_surrogate, parse_json
from taxonomy.formats.protocol import TextFormat
from taxonomy.graph import Taxonomy

_SCORE = 0.95
_SAMPLE_LINES = 20


def detect(text: str) -> float:
    """Whether the first lines that are not blank, more than one, are JSON objects."""
    if not text.lstrip().startswith("{"):
        return 0.0
    lines = list(islice((line for line in text.splitlines() if line.strip()), _SAMPLE_LINES))
    return _SCORE if len(lines) > 1 and all(isinstance(_try(line), dict) for line in lines) else 0.0


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError, with the line, on one that is no JSON object."""
    entries: list[Any] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = parse_json(line, source)
        except TaxonomyError as error:
            raise TaxonomyError(error.message, source=source, line=number) from None
        if not isinstance(entry, dict):
            raise TaxonomyError("expected a JSON object", source=source, line=number)
        entries.append(entry)
    if has_lone_surrogate(entries):
        raise TaxonomyError("a lone surrogate, which is no Unicode text", source=source)
    found = find_entries(entries)
    if table.score(entries) and (found is None or not any(links(found))):
        return table.taxonomy_of_rows(entries, source)
    return taxonomy_of_value(entries, source)


def _try(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


FORMAT = TextFormat("json-lines", detect, parse)
