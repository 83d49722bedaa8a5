"""The words by which files name an id, a name, a parent, children and a path: one list for columns, JSON keys and YAML.

Titles are compared by their words: `parentTaxonId`, `parent_taxon_id` and `Parent Taxon ID` are one title.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

NO_PARENT = frozenset(
    {"", "0", "-1", "null", "none", "nan", "n/a", "na", "nil", "~", "\\n", "root", "undefined", "-", "#"}
)  # as exports write it, where no node has such an id

_PARENT = frozenset(["parent", "parents", "broader", "broaders", "superclass", "supercategory", "supertype",
                     "hypernym", "hypernyms", "super",
                     "übergeordnet", "oberkategorie", "oberbegriff", "elternteil", "padre", "père"])  # fmt: skip
_PARENT_PHRASES = (["is", "a"], ["subclass", "of"], ["sub", "class", "of"], ["child", "of"], ["belongs", "to"])
_CHILD = frozenset(["child", "children", "kid", "kids", "narrower", "hyponym", "hyponyms", "subclass"])
_ID = ("id", "uid", "uuid", "guid", "key", "code", "identifier", "uri", "iri", "notation", "pk", "number", "nr")
_OF_NODE = frozenset(
    [
        "node",
        "category",
        "categories",
        "cat",
        "taxon",
        "taxonomy",
        "term",
        "concept",
        "class",
        "item",
        "label",
        "unique",
        "entity",
        "object",
        "product",
        "topic",
        "tag",
        "segment",
        "full",
        "my",
        "own",
        "record",
        "row",
        "element",
        "ontology",
        "entry",
    ]
)
_NAMES = (
    "name", "label", "title", "pref label", "preferred label", "display name", "scientific name", "canonical name",
    "category name", "node name", "term", "concept", "text", "category", "class", "class name", "node", "topic", "tag",
    "value", "label name", "caption", "bezeichnung", "nombre", "nom", "kategorie", "taxon", "taxon name", "heading",
    "description name", "short name", "long name", "term name", "item", "item name", "type", "slug",
)  # fmt: skip
_PATHS = ("path", "full path", "full name", "breadcrumb", "breadcrumbs", "hierarchy", "lineage", "category path",
          "node path", "path name", "taxonomy path", "higher classification", "fullname",
          "pfad", "taxonomy")  # fmt: skip
_ALIASES = ("aliases", "alias", "synonyms", "synonym", "alt labels", "alt label", "alternative names", "other names",
            "common name", "common names", "vernacular name", "vernacular names", "also known as")  # fmt: skip
_CHILDREN = frozenset(
    [
        "children",
        "child",
        "kids",
        "nodes",
        "items",
        "branches",
        "leaves",
        "leafs",
        "elements",
        "entries",
        "options",
        "values",
        "labels",
        "categories",
        "classes",
        "members",
        "types",
        "topics",
        "groups",
        "terms",
        "concepts",
        "choices",
        "sub",
        "subs",
        "narrower",
        "hyponyms",
        "descendants",
        "subtree",
        "species",
        "tree",
        "childs",
        "kinder",
        "hijos",
        "enfants",
        "sons",
        "successors",
    ]
)
_NO_CHILDREN = frozenset(
    [
        "attributes",
        "sublabels",
        "parents",
        "parent",
        "synonyms",
        "aliases",
        "images",
        "annotations",
        "properties",
        "translations",
        "names",
        "links",
        "ancestors",
        "path",
        "paths",
        "keywords",
        "examples",
        "part",
        "parts",
        "restrictions",
        "count",
        "counts",
        "subtitle",
        "subject",
        "subjects",
    ]
)
_PARTS = ("part", "parts")
_EDGE_PAIRS = (("superclass", "subclass"), ("hypernym", "hyponym"), ("parent", "child"), ("parent", "sub"),
               ("parent", "subcategory"), ("coarse", "fine"))  # fmt: skip
_OTHERS: Mapping[str, tuple[str, ...]] = {
    "aliases": _ALIASES,
    "names": ("names", "translations"),
    "description": ("description", "definition", "gloss"),
    "assignable": ("assignable",),
    "deprecated": ("deprecated", "obsolete", "is obsolete", "retired"),
    "replaced_by": ("replaced by",),
    "part_of": ("part of",),
}


@lru_cache(maxsize=10_000)
def plain(title: str) -> str:
    """A title without case, punctuation and double spaces: `Unique_ID` and `uniqueId` -> `unique id`."""
    spaced = re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", title.strip()[:200])
    return " ".join(re.sub(r"[\W_]+", " ", spaced.lower()).split())


def is_parent(title: str) -> bool:
    """Whether a plain title says that its values name parents."""
    words = title.split()
    return (
        bool(words)
        and len(words) <= 4  # noqa: PLR2004 (parent name usage id)
        and (words[0] in _PARENT or words[-1] in _PARENT or words in _PARENT_PHRASES)
        and not set(words) & {"level", "count", "rank", "path", "paths", "image", "original"}
    )  # fmt: skip


def is_child(title: str) -> bool:
    """Whether a plain title says that its values are the children of an edge."""
    words = title.split()
    return bool(words) and words[0] in _CHILD and not set(words) & {"count", "level", "of"}


def is_children(title: str) -> bool:
    """Whether a plain key may hold a node's children."""
    words = title.split()
    if not words or set(words) & _NO_CHILDREN:
        return False
    begins = any(word.startswith(("child", "sub", "narrower", "descendant")) for word in words)
    return begins or words[-1] in _CHILDREN


def children_strength(title: str) -> int:
    """How clearly a plain key names children: 2 by its own words, 1 by words that other lists have too."""
    return 2 if any(word.startswith(("child", "sub", "narrower")) for word in title.split()) else 1


def is_parts(title: str) -> bool:
    """Whether a plain key holds the parts of a node, which are not its kinds."""
    return title in _PARTS


def id_strength(title: str, parent: str | None = None) -> int:
    """How clearly a plain title names a node's own id; 0 for not at all. `parent`: the title of the parent's column."""
    words = title.split()
    if not words or is_parent(title) or is_child(title):
        return 0
    stem = [word for word in (parent or "").split() if word not in _PARENT]
    if parent and stem and words == stem and words[-1] in _ID:
        return 100
    if words[-1] not in _ID and words != ["node"]:
        return 0
    if len(words) == 1:
        return 90 - (_ID.index(words[0]) if words[0] in _ID else 40)
    return 60 - _ID.index(words[-1]) if set(words[:-1]) <= _OF_NODE else 0


def name_strength(title: str) -> int:
    """How clearly a plain title names a node's name; 0 for not at all."""
    return 100 - _NAMES.index(title) if title in _NAMES else 0


def path_strength(title: str) -> int:
    """How clearly a plain title names a path from the root; 0 for not at all."""
    return 100 - _PATHS.index(title) if title in _PATHS else 0


@lru_cache(maxsize=1000)
def field_columns(titles: tuple[str, ...]) -> Mapping[str, int]:
    """Field of a node -> the position of the title that names it, for plain titles; fields that none names are missing.

    The fields are id, name, parents, child, path and those of `Node`.
    """
    found: dict[str, int] = {}
    parents = [place for place, title in enumerate(titles) if is_parent(title)]
    if parents:
        found["parents"] = max(parents, key=lambda place: (_parent_strength(titles[place]), -place))
    parent = titles[found["parents"]] if parents else None
    _add(found, "id", titles, lambda title: id_strength(title, parent))
    _add(found, "path", titles, path_strength)
    taken = {found.get("id"), found.get("path")}
    _add(found, "name", ["" if place in taken else title for place, title in enumerate(titles)], name_strength)
    _add(found, "child", titles, lambda title: int(is_child(title)))
    for field, words in _OTHERS.items():
        if field not in found and (
            places := [
                titles.index(word) for word in words if word in titles and titles.index(word) not in found.values()
            ]
        ):
            found[field] = places[0]
    return found


def edge_columns(titles: Sequence[str]) -> tuple[int, int] | None:
    """(parent's column, child's column) by plain titles such as `child, parent` and `target, source`."""
    for above, below in (("source", "target"), ("from", "to"), ("src", "dst"), ("head", "tail"), ("start", "end")):
        if above in titles and below in titles:
            return titles.index(above), titles.index(below)
    for above, below in _EDGE_PAIRS:
        up = [place for place, title in enumerate(titles) if title.split()[:1] in ([above], [f"{above}s"])]
        down = [place for place, title in enumerate(titles) if title.split()[:1] in ([below], [f"{below}s"])]
        if up and down:
            return up[0], down[0]
    return None


def _parent_strength(title: str) -> int:
    words = title.split()
    return 3 if words[-1] in _ID else 2 if len(words) == 1 else 1


def _add(found: dict[str, int], field: str, titles: Sequence[str], strength: Callable[[str], int]) -> None:
    strengths = [strength(title) for title in titles]
    best = max(strengths, default=0)
    if best:
        found[field] = strengths.index(best)
