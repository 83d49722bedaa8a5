"""Where the entries are in a JSON value: at the top, in an envelope, or under their ids."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from taxonomy.formats.vocabulary import (
    NO_PARENT,
    children_strength,
    field_columns,
    is_children,
    is_parent,
    is_parts,
    plain,
)

_MAX_ENVELOPES = 5  # one inside the other
_SAMPLE = 50
_MAX_KEYS = 1000  # of an entry; an object of more is a mapping of names


class Keys(NamedTuple):
    """The keys of an entry as it writes them, by what they hold."""

    fields: dict[str, str]  # field of a node -> key
    parents: tuple[str, ...]
    children: tuple[str, ...]
    parts: tuple[str, ...]


class Keyed(NamedTuple):
    """An entry and the key it stands under, None in a list."""

    key: str | None
    entry: Any


def keys_of(entry: dict[str, Any]) -> Keys:
    """The roles of an entry's keys, by their words and, for children, by what they hold; of too many keys none."""
    if len(entry) > _MAX_KEYS:
        return Keys({}, (), (), ())
    written = tuple(entry)
    holds = tuple(key for key in written if isinstance(entry[key], (list, dict)))
    scalars = [key for key in written if not isinstance(entry[key], list)]
    titles = tuple(plain(key) for key in scalars)
    places = field_columns(titles)
    fields = {field: scalars[place] for field, place in places.items() if field != "child"}
    _add_lists(entry, fields)
    parents = tuple(key for key in written if is_parent(plain(key)))
    if fields.get("parents") and not isinstance(entry[fields["parents"]], (list, dict)):
        best = fields["parents"]
        parents = (best, *(key for key in parents if isinstance(entry[key], list)))
    taken = set(parents) | {fields.get("name"), fields.get("names"), fields.get("aliases")}
    children = tuple(key for key in holds if key not in taken and is_children(plain(key)) and _may_hold(entry[key]))
    if not children:
        children = tuple(key for key in holds if key not in taken and _recurs(entry, key))
    elif any(children_strength(plain(key)) > 1 for key in children):
        children = tuple(key for key in children if children_strength(plain(key)) > 1 or _has_entries(entry[key]))
    parts = tuple(key for key in holds if is_parts(plain(key)))
    return Keys(fields, parents, children, parts)


def _add_lists(entry: dict[str, Any], fields: dict[str, str]) -> None:
    for key, value in entry.items():
        if isinstance(value, list) and "aliases" not in fields and plain(key) in {"aliases", "synonyms", "alt labels"}:
            fields["aliases"] = key


def find_entries(value: Any) -> list[Keyed] | None:
    """The entries of a JSON value; None where it has none. Of several lists in an envelope the one with links wins."""
    here = value
    for _ in range(_MAX_ENVELOPES):
        if isinstance(here, list):
            entries = [Keyed(None, entry) for entry in here]
            return entries if here and all(isinstance(e, dict) for e in here) and _any_named(entries) else None
        if not isinstance(here, dict) or "@context" in here or "@graph" in here:
            return None
        if isinstance(here.get("verticals"), list):  # Shopify's categories.json
            here = [e for part in here["verticals"] if isinstance(part, dict) for e in part.get("categories", [])]
            continue
        if _is_entry(here) and not _is_envelope(here):
            return [Keyed(None, here)]
        inner = _best_list(here)
        if inner is not None:
            here = inner
            continue
        keyed = [Keyed(str(key), entry) for key, entry in here.items()]
        if keyed and all(isinstance(entry, dict) for _, entry in keyed) and _any_named(keyed):
            return keyed
        held = [each for each in here.values() if isinstance(each, dict)]
        if len(held) != 1:
            return None
        here = held[0]
    return None


def links(entries: list[Keyed]) -> tuple[bool, bool]:
    """(whether an entry holds entries, whether one refers to others)."""
    nested = refers = False
    for _, entry in entries[:100_000]:
        keys = keys_of(entry)
        for key in (*keys.children, *keys.parts):
            nested |= _has_entries(entry[key])
            refers |= isinstance(entry[key], list) and any(isinstance(each, (str, int)) for each in entry[key])
        refers |= any(not _says_root(entry[key]) for key in keys.parents)
        if nested and refers:
            break
    return nested, refers


def _best_list(here: dict[str, Any]) -> Any:
    """The list, or object, of entries that an envelope holds."""
    lists = {key: each for key, each in here.items() if isinstance(each, list) and each and _are_entries(each)}
    if len(lists) > 1 and len(lists) == len(here) and not any(is_children(plain(key)) for key in lists):
        return [{"name": key, "children": each} for key, each in lists.items()]
    if not lists:
        return None
    return max(lists.values(), key=lambda each: (any(links([Keyed(None, e) for e in each[:_SAMPLE]])), len(each)))


def _are_entries(held: list[Any]) -> bool:
    return all(isinstance(entry, dict) and _is_entry(entry) for entry in held[:_SAMPLE])


def _is_entry(entry: dict[str, Any]) -> bool:
    keys = keys_of(entry)
    name, own_id = entry.get(keys.fields.get("name", "")), entry.get(keys.fields.get("id", ""))
    in_languages = isinstance(name, dict) and bool(name) and all(isinstance(each, str) for each in name.values())
    return in_languages or any(isinstance(each, (str, int)) and not isinstance(each, bool) for each in (name, own_id))


def _any_named(entries: list[Keyed]) -> bool:
    return any(isinstance(entry, dict) and _is_entry(entry) for _, entry in entries[:_SAMPLE])


def _is_envelope(entry: dict[str, Any]) -> bool:
    """Whether the entries below refer to one another, so that the object around them is none of them."""
    for key in keys_of(entry).children:
        held = entry[key]
        if not isinstance(held, list) or not _are_entries(held):
            continue
        known = {str(each.get(keys_of(each).fields.get(f, ""))) for each in held for f in ("id", "name")}
        for each in held:
            refs = [each[parent] for parent in keys_of(each).parents]
            if any(isinstance(ref, (str, int)) and str(ref) in known and not _says_root(ref) for ref in refs):
                return True
    return False


def _says_root(value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return not value
    return value is None or isinstance(value, bool) or str(value).casefold() in NO_PARENT


def _has_entries(value: Any) -> bool:
    if isinstance(value, dict):
        return any(isinstance(each, dict) for each in value.values()) or _is_entry(value)
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def _may_hold(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(each, (dict, list)) or each is None for each in value.values()) or _is_entry(value)
    return all(isinstance(each, (dict, str, int)) for each in value)


def _recurs(entry: dict[str, Any], key: str) -> bool:
    """Whether an unknown key holds entries like this one that have the same key: children by any name."""
    held = entry[key]
    return (
        isinstance(held, list)
        and bool(held)
        and all(isinstance(each, dict) for each in held)
        and any(isinstance(each.get(key), list) for each in held)
    )


def scalars_of(value: Any) -> Iterator[Any]:
    """A value itself, or those that a list holds."""
    yield from value if isinstance(value, list) else [value]
