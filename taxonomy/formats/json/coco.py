"""COCO's categories: each has a name and a supercategory, which may or may not be a category of its own."""

from typing import Any

from taxonomy.errors import TaxonomyError
from taxonomy.formats.json.text import load_json, try_json
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.vocabulary import NO_PARENT, plain
from taxonomy.graph import Node, Taxonomy, tidy

_SCORE = 0.95


def detect(text: str) -> float:
    """Whether it is a COCO file, or the list of its categories."""
    return _SCORE if categories_of(try_json(text)) is not None else 0.0


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError."""
    found = categories_of(load_json(text, source))
    if found is None:
        raise TaxonomyError("expected 'categories' with a name and a 'supercategory'", source=source)
    return taxonomy_of_categories(found, source)


def categories_of(value: Any) -> list[dict[str, Any]] | None:
    """The categories of a COCO value; None where it is none."""
    listed = value.get("categories") if isinstance(value, dict) else value
    if not isinstance(listed, list) or not listed or not all(isinstance(each, dict) for each in listed):
        return None
    if not all(isinstance(each.get("name"), (str, int)) for each in listed):
        return None
    supers = any(_super_key(each) for each in listed)
    around = isinstance(value, dict) and {"annotations", "images"} & value.keys()
    return listed if supers or (around and not any("parent" in plain(key) for each in listed for key in each)) else None


def taxonomy_of_categories(listed: list[dict[str, Any]], source: str) -> Taxonomy:
    """Categories under their supercategories. Ids are the categories' own; a supercategory's is its name.

    A supercategory is the category of that name where there is one that is not filed under itself.
    """
    rows = [(tidy(str(each.get("id", each["name"]))), tidy(str(each["name"])), _super(each)) for each in listed]
    ids = {node_id for node_id, _, _ in rows}
    own = {name: node_id for node_id, name, above in rows if above != name}
    nodes: dict[str, Node] = {}
    extra: dict[str, Node] = {}
    for node_id, name, above in rows:
        parents: tuple[str, ...] = ()
        if above and above in own:
            parents = (own[above],)
        elif above:
            free = above if above not in ids else f"{above} (supercategory)"
            extra.setdefault(above, Node(free, above))
            parents = (free,)
        if node_id in nodes:
            raise TaxonomyError(f"duplicate id {node_id!r}", source=source)
        nodes[node_id] = Node(node_id, name, parents)
    return Taxonomy([*nodes.values(), *extra.values()], source)


def _super_key(category: dict[str, Any]) -> str | None:
    return next((key for key in category if plain(key) in {"supercategory", "super category"}), None)


def _super(category: dict[str, Any]) -> str:
    key = _super_key(category)
    value = None if key is None else category[key]
    text = tidy(str(value)) if isinstance(value, (str, int)) else ""
    return "" if text.casefold() in NO_PARENT else text


FORMAT = TextFormat("coco", detect, parse)
