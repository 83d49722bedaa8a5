"""What a file of no known format holds: the columns or keys that were seen, and what would be read."""

from collections.abc import Sequence

from taxonomy.formats.json.text import try_json
from taxonomy.formats.tables.delimited import DELIMITERS, first_rows

_MAX_SHOWN = 12


def what_was_seen(text: str) -> str:
    """`; seen: ...` with the keys or columns of a text and the nearest format that would take them; blank for prose."""
    value = try_json(text)
    entries = value if isinstance(value, list) else [value]
    keys = list(dict.fromkeys(key for entry in entries[:100] if isinstance(entry, dict) for key in entry))
    if keys:
        hint = "json-nodes would need an id or a name and a parent, nested-json a list of children"
        return f"; seen: an entry with the keys {_some(keys)}; {hint}"
    if text.lstrip().startswith(("{", "[", "<")):
        return ""
    for delimiter in DELIMITERS:
        rows = first_rows(text, delimiter)
        widths = {len(row.cells) for row in rows}
        if len(rows) > 1 and max(widths) > 1:
            hint = "csv would need columns id, name and parent, tiers one for each level, path-column one with paths"
            return f"; seen: a table with the columns {_some(rows[0].cells)}; {hint}"
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) > 1 and all(len(line) == 2 and (line[0].isdigit() or line[-1].isdigit()) for line in lines):  # noqa: PLR2004
        return f"; seen: a flat list of {len(lines)} names, each with a number: no hierarchy"
    if len(lines) > 1:
        return f"; seen: {len(lines)} lines without a separator or indentation: a flat list is no hierarchy"
    return ""


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else ""
    return ", ".join(repr(str(name)[:40]) for name in names[:_MAX_SHOWN]) + more
