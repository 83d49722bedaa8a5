"""JSON and YAML without entries: names in names, id -> path, parent -> children, child -> parent, lists of paths.

`{"Animals": {"Cats": {}}}`, `{"Animals": ["Cats"]}` and lists of such; `{"1": "Fruit > Apple"}`; `["Fruit > Apple"]`.
"""

from collections.abc import Iterator
from typing import Any

from taxonomy.errors import TaxonomyError
from taxonomy.formats.doubts.notes import note
from taxonomy.formats.json.collection import find_entries
from taxonomy.formats.json.text import load_json, try_json
from taxonomy.formats.paths.separators import find_separator, split_names
from taxonomy.formats.paths.tree import taxonomy_of_paths
from taxonomy.formats.protocol import TextFormat
from taxonomy.graph import MAX_LEVELS, Node, Taxonomy, tidy

_SCORE, _FLAT_SCORE = 0.7, 0.3
_CLASS_LISTS = ("names", "classes", "labels")
_PAIR = 2

Scalar = (str, int)


def detect(text: str) -> float:
    """Whether a JSON value is made of names."""
    return score(try_json(text))


def score(value: Any) -> float:
    """How well a value fits, in [0, 1]."""
    kind = _kind(value)
    if kind != "classes" and find_entries(value) is not None:
        return 0.0
    return 0.0 if kind is None else _FLAT_SCORE if kind == "classes" else _SCORE


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError."""
    return taxonomy_of_names(load_json(text, source), source)


def taxonomy_of_names(value: Any, source: str) -> Taxonomy:
    """Build the taxonomy of a value made of names. Raises TaxonomyError."""
    kind = _kind(value)
    if kind is None:
        raise TaxonomyError("expected names in names, ids with paths, or a list of paths", source=source)
    return _BUILDERS[kind](value, source)


def _kind(value: Any) -> str | None:  # noqa: PLR0911 (one line for each shape)
    if not value or not isinstance(value, (dict, list)):
        return None
    if isinstance(value, list):
        if all(isinstance(each, str) for each in value):
            return "paths" if find_separator(value) else None
        if all(isinstance(each, list) and each and all(isinstance(name, str) for name in each) for each in value):
            return "rows"
        return "names" if _is_tree(value) else None
    if "@context" in value:
        return None
    if _classes(value) is not None:
        return "classes"
    if all(isinstance(each, Scalar) and not isinstance(each, bool) for each in value.values()):
        return _kind_of_pairs({str(key): str(each) for key, each in value.items()})
    lists = all(isinstance(each, list) and all(isinstance(n, str) for n in each) for each in value.values())
    if lists and any(name in value for each in value.values() for name in each):
        return "children"
    if all(str(key).isdigit() for key in value) and lists:
        return None  # a class index with names in several languages
    return "names" if _is_tree(value) and any(value.values()) else None


def _kind_of_pairs(pairs: dict[str, str]) -> str | None:
    if find_separator(list(pairs.values())):
        return "ids"
    if find_separator(list(pairs)) and all(each.isdigit() for each in pairs.values()):
        return "numbered"
    if any(key.isdigit() for key in pairs) or any(each.isdigit() for each in pairs.values()):
        return None
    values = list(pairs.values())
    chained = any(each in pairs for each in values)
    return "parents" if chained or len(set(values)) < len(values) else None


def _classes(value: dict[str, Any]) -> list[str] | None:
    """The names of a detector's class list (`names:` of YOLO)."""
    for key in _CLASS_LISTS:
        held = value.get(key)
        others = [each for other, each in value.items() if other != key]
        if not held or any(isinstance(each, dict) for each in others):
            continue
        if isinstance(held, dict) and all(str(k).isdigit() and isinstance(each, str) for k, each in held.items()):
            return list(held.values())
        if isinstance(held, list) and others and all(isinstance(each, str) for each in held):
            return list(held)
    if value and all(str(key).isdigit() and isinstance(each, str) for key, each in value.items()):
        names = list(value.values())
        return None if find_separator(names) else names
    return None


def _is_tree(value: Any) -> bool:
    """Whether it holds nothing but names: objects of these, lists of these, texts, or nothing."""
    pending = [(value, 0)]
    inner = False
    while pending:
        here, level = pending.pop()
        if isinstance(here, dict):
            inner = True
            pending.extend((each, level + 1) for each in here.values())
        elif isinstance(here, list):
            pending.extend((each, level + 1) for each in here)
        elif (
            isinstance(here, bool)
            or not (here is None or isinstance(here, Scalar) or here == {})
            or (isinstance(here, int) and level == 0)
        ):
            return False
    return inner


def _of_names(value: Any, source: str) -> Taxonomy:
    return taxonomy_of_paths(((0, names, "") for names in _paths(value, source)), source)


def _paths(value: Any, source: str) -> Iterator[tuple[str, ...]]:
    pending: list[tuple[Any, tuple[str, ...]]] = [(value, ())]
    while pending:
        held, names = pending.pop()
        if len(names) > MAX_LEVELS:
            raise TaxonomyError(f"nested more than {MAX_LEVELS} levels deep", source=source)
        if isinstance(held, dict):
            for name, below in held.items():
                yield (*names, tidy(str(name)))
                if below not in (None, "", [], {}):
                    pending.append((below, (*names, tidy(str(name)))))
        elif isinstance(held, list):
            pending.extend((each, names) for each in held if each not in (None, ""))
        elif isinstance(held, str):
            yield (*names, tidy(held))
        elif isinstance(held, int):
            note("numbers in the place of names were passed over")


def _of_paths(value: Any, source: str) -> Taxonomy:
    separator = find_separator(value) or ">"
    return taxonomy_of_paths(((0, split_names(each, separator), "") for each in value), source)


def _of_rows(value: Any, source: str) -> Taxonomy:
    heads = {each[0] for each in value}
    if all(len(each) == _PAIR for each in value) and any(each[1] in heads for each in value):
        return _of_edges(((each[0], each[1]) for each in value), source)
    return taxonomy_of_paths(((0, tuple(tidy(name) for name in each if name), "") for each in value), source)


def _of_ids(value: Any, source: str) -> Taxonomy:
    separator = find_separator([str(each) for each in value.values()]) or ">"
    return taxonomy_of_paths(
        ((0, split_names(str(path), separator), tidy(str(key))) for key, path in value.items()), source
    )


def _of_numbered(value: Any, source: str) -> Taxonomy:
    return _of_ids({number: path for path, number in value.items()}, source)


def _of_children(value: Any, source: str) -> Taxonomy:
    pairs = [(str(above), child) for above, below in value.items() for child in below]
    return _of_edges(pairs, source, [str(key) for key in value])


def _of_parents(value: Any, source: str) -> Taxonomy:
    return _of_edges(((str(above), str(child)) for child, above in value.items()), source)


def _of_classes(value: Any, source: str) -> Taxonomy:
    names = _classes(value) or []
    note(f"a list of {len(names)} classes, without a hierarchy")
    return Taxonomy((Node(name, name) for name in names), source)


def _of_edges(pairs: Any, source: str, nodes: Any = ()) -> Taxonomy:
    above: dict[str, dict[str, None]] = {tidy(name): {} for name in nodes}
    for parent, child in pairs:
        above.setdefault(tidy(parent), {})
        above.setdefault(tidy(child), {})[tidy(parent)] = None
    return Taxonomy((Node(name, name, tuple(parents)) for name, parents in above.items()), source)


_BUILDERS = {
    "paths": _of_paths, "rows": _of_rows, "names": _of_names, "ids": _of_ids, "numbered": _of_numbered,
    "children": _of_children, "parents": _of_parents, "classes": _of_classes,
}  # fmt: skip

FORMAT = TextFormat("json-mapping", detect, parse)
