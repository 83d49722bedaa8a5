"""JSON entries: nodes that hold their children, name their children's ids, or name their parents; or several of these.

`[{"name": ..., "children": [...]}]`, `[{"id": ..., "parent_id": ...}]`, `[{"id": ..., "child_ids": [...]}]` (AudioSet),
`{id: {...}}`, in whatever envelope. `Part` becomes an edge of its own kind. A node without an id is known by its name
where all names differ, else by its path: Shoes under Men and under Women are two nodes.
"""

from dataclasses import dataclass, field
from typing import Any

from taxonomy.errors import TaxonomyError, located
from taxonomy.formats.json.collection import Keyed, find_entries, keys_of, links, scalars_of
from taxonomy.formats.json.text import load_json, try_json
from taxonomy.formats.paths.ids import PathIds
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.records import Record, link, own_parents_dropped
from taxonomy.formats.vocabulary import plain
from taxonomy.graph import MAX_LEVELS, Taxonomy, tidy

_NESTED_SCORE, _NODES_SCORE, _FLAT_SCORE = 0.9, 0.88, 0.3
_PREFERRED = ("en", "en-us", "en-gb")


@dataclass(slots=True)
class Entry:
    """One entry as it was met; `above` is the position of the entry that holds it."""

    name: str
    given_id: str
    above: int | None
    is_part: bool
    number: int
    parents: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)  # children by reference or name alone
    fields: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    numbers_below: bool = False


def detect_nested(text: str) -> float:
    """Whether it is JSON in which an entry holds entries."""
    found = find_entries(try_json(text))
    return _NESTED_SCORE if found is not None and links(found)[0] else 0.0


def detect_nodes(text: str) -> float:
    """Whether it is JSON of entries that refer to others; a flat list of entries fits poorly."""
    found = find_entries(try_json(text))
    if found is None:
        return 0.0
    nested, refers = links(found)
    return _NODES_SCORE if refers else 0.0 if nested else _FLAT_SCORE


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError, saying which entry, on one that is none and on unknown references."""
    return taxonomy_of_value(load_json(text, source), source)


def taxonomy_of_value(value: Any, source: str) -> Taxonomy:
    """Build the taxonomy of a JSON or YAML value. Raises TaxonomyError."""
    found = find_entries(value)
    if found is None:
        raise TaxonomyError("expected entries with names, and children or parents", source=source)
    entries = _walk(found, source)
    with located(source):
        records = _records(entries, source)
    return Taxonomy(link(own_parents_dropped(records), source), source)


def _walk(roots: list[Keyed], source: str) -> list[Entry]:
    """All entries, each after the one that holds it. Raises TaxonomyError."""
    found: list[Entry] = []
    pending: list[tuple[Keyed, int | None, bool, int]] = [(root, None, False, 1) for root in reversed(roots)]
    top = 0
    while pending:
        (key, value), above, is_part, level = pending.pop()
        top += above is None
        if level > MAX_LEVELS:
            raise TaxonomyError(f"nested more than {MAX_LEVELS} levels deep", source=source)
        where = f"under {found[above].name[:60]!r}" if above is not None else f"node {top}"
        with located(source, part=where):
            entry = _read(key, value, Entry("", "", above, is_part, top))
            held = {part: _held(value, entry, is_part=part) for part in (True, False)}
        pending.extend((child, len(found), part, level + 1) for part in (True, False) for child in reversed(held[part]))
        found.append(entry)
    return found


def _read(key: str | None, value: Any, entry: Entry) -> Entry:
    if not isinstance(value, dict):
        raise TaxonomyError(f"{value!r:.60} is no object")
    keys = keys_of(value)
    entry.given_id = tidy(_text(value, keys.fields.get("id")) or "")
    if "LabelName" in value and not entry.given_id:  # Open Images: an id, though it says name
        entry.given_id = tidy(_text(value, "LabelName") or "")
    names = value.get(keys.fields.get("name", ""))
    if isinstance(names, dict):
        entry.fields["names"] = {str(k): v for k, v in names.items() if isinstance(v, str) and v.strip()}
        entry.name = tidy(_in_one_language(entry.fields["names"]))
    else:
        entry.name = tidy(_text(value, keys.fields.get("name")) or "")
    if key is not None and not entry.given_id:
        entry.given_id = tidy(key)
    if not entry.name and isinstance(names, str):
        raise TaxonomyError("an entry with a blank name")
    entry.name = entry.name or entry.given_id
    if not entry.name:
        raise TaxonomyError(f"an entry without a name: {_shown(value)}")
    entry.parents = [
        ref for each in keys.parents for held in scalars_of(value[each]) if (ref := _reference(each, held))
    ]
    entry.keys = {k: str(v) for k, v in list(value.items())[:20] if isinstance(v, (str, int)) and k not in keys.parents}
    _add_fields(value, keys.fields, entry)
    return entry


def _add_fields(value: dict[str, Any], keys: dict[str, str], entry: Entry) -> None:
    for name in ("description", "replaced_by"):
        if isinstance(value.get(keys.get(name, "")), str) and value[keys[name]].strip():
            entry.fields[name] = value[keys[name]]
    for name in ("assignable", "deprecated"):
        said = value.get(keys.get(name, ""))
        if said is True or (isinstance(said, str) and said.lower() in {"true", "yes"}):
            entry.fields[name] = True
    aliases = value.get(keys.get("aliases", ""))
    if isinstance(aliases, list):
        entry.fields["aliases"] = tuple(each for each in aliases if isinstance(each, str) and each.strip())
    elif isinstance(aliases, str) and aliases.strip():
        entry.fields["aliases"] = (aliases,)
    said = value.get(keys.get("names", ""))
    if isinstance(said, dict):
        entry.fields["names"] = {str(k): v for k, v in said.items() if isinstance(v, str) and v.strip()}


def _held(value: dict[str, Any], entry: Entry, *, is_part: bool) -> list[Keyed]:
    """The entries that one holds; children that are texts or numbers are kept beside, as references or names."""
    held: list[Keyed] = []
    keys = keys_of(value)
    for key in keys.parts if is_part else keys.children:
        inside = value[key]
        if isinstance(inside, dict):
            single = bool(keys_of(inside).fields.get("name")) and not all(isinstance(e, dict) for e in inside.values())
            held.extend([Keyed(None, inside)] if single else [Keyed(str(k), e or {}) for k, e in inside.items()])
            continue
        for each in inside:
            if isinstance(each, dict):
                held.append(Keyed(None, each))
            elif isinstance(each, (str, int)) and not isinstance(each, bool) and not is_part:
                entry.below.append(tidy(str(each)))
                entry.numbers_below |= isinstance(each, int)
            else:
                raise TaxonomyError(f"{key!r} holds something that is no entry: {each!r:.60}")
    return held


def _records(entries: list[Entry], source: str) -> list[Record]:
    ids = {entry.given_id for entry in entries if entry.given_id}
    below = [each for entry in entries for each in entry.below]
    by_reference = any(each in ids for each in below) or (bool(ids) and any(entry.numbers_below for entry in entries))
    names = {entry.name for entry in entries}
    by_name = not by_reference and any(each in names for each in below)
    if not by_reference and not by_name:
        entries = [*entries, *(Entry(each, "", place, is_part=False, number=entry.number)
                               for place, entry in enumerate(entries) for each in entry.below)]  # fmt: skip
    known = _known(entries)
    flat = all(entry.above is None for entry in entries) and not (by_reference or by_name)
    records = [_record(entry, node_id, known, flat=flat) for entry, node_id in zip(entries, known, strict=True)]
    if by_reference or by_name:
        records += _of_references(entries, known, ids if by_reference else names, source)
    return _without_repetition(records)


def _known(entries: list[Entry]) -> list[str]:
    """What each entry is known by: its id, else its name where all of these differ, else its path."""
    nameless = [entry for entry in entries if not entry.given_id]
    plain_names = len({entry.name for entry in nameless}) == len(nameless) or all(e.above is None for e in entries)
    if plain_names and not all(e.above is None for e in entries):
        plain_names = not {e.name for e in nameless} & {e.given_id for e in entries if e.given_id}
    known: list[str] = []
    made = PathIds()
    for entry in entries:
        if entry.above is not None:
            made.refer(known[entry.above])
        if entry.given_id or plain_names or entry.above is None:
            known.append(entry.given_id or entry.name)
        else:
            known.append(made.below(known[entry.above], entry.name))
    return known


def _record(entry: Entry, node_id: str, known: list[str], *, flat: bool) -> Record:
    parents: list[str] = list(entry.parents)
    wholes: tuple[str, ...] = ()
    if entry.above is not None:
        wholes = (known[entry.above],) if entry.is_part else ()
        parents = [] if entry.is_part else [known[entry.above]]
    fields = {**entry.fields, **({"part_of": wholes} if wholes else {})}
    own_id = entry.given_id or ("" if flat else node_id)
    return Record(own_id, entry.name, parents, fields, part=f"node {entry.number}", keys=entry.keys)


def _of_references(entries: list[Entry], known: list[str], targets: set[str], source: str) -> list[Record]:
    ids_of: dict[str, tuple[str, str]] = {}
    for entry, node_id in zip(entries, known, strict=True):
        ids_of.setdefault(entry.given_id, (node_id, entry.name))
        ids_of.setdefault(entry.name, (node_id, entry.name))
    found = []
    for entry, node_id in zip(entries, known, strict=True):
        for child in entry.below:
            if child not in ids_of or (child not in targets and targets):
                if entry.given_id:
                    raise TaxonomyError(f"node {entry.number}: unknown child {child!r} of {node_id!r}", source=source)
                ids_of[child] = (child, child)
            found.append(Record(*ids_of[child], [node_id], part=f"node {entry.number}"))
    return found


def _without_repetition(records: list[Record]) -> list[Record]:
    """One record an id: parents, parts and fields of all that have it. Raises TaxonomyError on two names of one id."""
    first: dict[str, Record] = {}
    loose: list[Record] = []
    for record in records:
        if not record.id:
            loose.append(record)
            continue
        known = first.setdefault(record.id, record)
        if known is record:
            continue
        if known.name != record.name:
            raise TaxonomyError(f"the id {record.id!r} has two names, {known.name!r} and {record.name!r}")
        parts = (*known.fields.get("part_of", ()), *record.fields.get("part_of", ()))
        fields = {**record.fields, **known.fields, **({"part_of": parts} if parts else {})}
        parents = list(dict.fromkeys((*known.parents, *record.parents)))
        first[record.id] = Record(known.id, known.name, parents, fields, known.line, known.part, known.keys)
    return [*first.values(), *loose]


def _text(entry: dict[str, Any], key: str | None) -> str | None:
    """The text under a key; numbers count as text. Raises TaxonomyError."""
    value = None if key is None else entry.get(key)
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TaxonomyError(f"{key!r} is no text: {value!r:.60}")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _reference(key: str, held: Any) -> str | None:
    """A parent by id or name, or by an object that has them; None for null and blanks."""
    if isinstance(held, dict):
        fields = keys_of(held).fields
        return _text(held, fields.get("id")) or _text(held, fields.get("name"))
    if held is None or held == "" or held is False:
        return None
    return _text({key: held}, key)


def _in_one_language(names: dict[str, str]) -> str:
    lowered = {locale.lower(): name for locale, name in names.items()}
    return next((lowered[key] for key in _PREFERRED if key in lowered), next(iter(names.values()), ""))


def _shown(value: dict[str, Any]) -> str:
    return ", ".join(repr(plain(key))[:40] for key in list(value)[:10]) if value else "{}"


NESTED = TextFormat("nested-json", detect_nested, parse)
NODES = TextFormat("json-nodes", detect_nodes, parse)
