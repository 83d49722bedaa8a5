"""Explicit mappings between two releases: what somebody wrote down about where old nodes went.

Read from Shopify's mapping files (YAML and JSON), from tables with an old and a new column (IAB's TSV among them), and
from plain JSON: `[{"from": ..., "to": ...}]` or `{old: new}`. Either side may be an id, a path (`A > B`),
or a name or alias that only one node has; a blank or null new side means removed, several rows or a list mean split.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from taxonomy.errors import TaxonomyError, located
from taxonomy.formats.json.text import load_json
from taxonomy.formats.json.yaml_text import load_yaml
from taxonomy.formats.reading import read_text
from taxonomy.formats.tables.delimited import DELIMITERS, first_rows, plain, read_rows
from taxonomy.graph import Taxonomy, tidy
from taxonomy.lookup import find_node

_FROM_TITLES = ("from", "old", "source", "before", "input", "from id", "old id", "source id")
_TO_TITLES = ("to", "new", "target", "after", "output", "to id", "new id", "target id")
_FROM_KEYS = ("from", "old", "source", "input")
_TO_KEYS = ("to", "new", "target", "output")
_MAX_PARTS = 10_000
_ID_KEYS = ("category", "product_category_id", "id", "categories", "product_category_ids")


class _Pair(NamedTuple):
    """One rule of a mapping file, and its place there: a line, or an entry by its number."""

    line: int | None
    part: str
    old: str
    new: list[str]


@dataclass(frozen=True, eq=True)
class NodeMapping:
    """Old node id -> new node ids: one, several for a split, none for a removed node. Other nodes are not spoken of."""

    targets: Mapping[str, tuple[str, ...]]

    def then(self, later: "NodeMapping") -> "NodeMapping":
        """This mapping (A to B) and a later one (B to C) as one (A to C).

        A node that only the first speaks of keeps its target, one that only the later speaks of is taken to have had
        the same id in A; composing is associative.
        """
        composed = {
            old: tuple(dict.fromkeys(c for b in new for c in later.targets.get(b, (b,))))
            for old, new in self.targets.items()
        }
        return NodeMapping({**{b: c for b, c in later.targets.items() if b not in composed}, **composed})


NO_MAPPING = NodeMapping({})


def read_mapping(path: str | Path, before: Taxonomy, after: Taxonomy) -> NodeMapping:
    """Read one mapping file. Raises TaxonomyError, with the file and the line or entry, on anything wrong with it."""
    path = Path(path)
    targets: dict[str, dict[str, None]] = {}
    for pair in _pairs(read_text(path), str(path)):
        with located(path, pair.line, pair.part):
            found = targets.setdefault(_resolve(pair.old, before), {})
            found.update(dict.fromkeys(_resolve(each, after) for each in pair.new))
    if not targets:
        raise TaxonomyError("maps no node", source=path)
    return NodeMapping({old: tuple(new) for old, new in targets.items()})


def _resolve(name: str, taxonomy: Taxonomy) -> str:
    """The id of a node given by its id, by the end of an address that is its id, or as `find_node` finds it."""
    tidied = tidy(name)
    for candidate in (tidied, tidied.rsplit("/", 1)[-1] if "://" in tidied else tidied):
        if candidate in taxonomy:
            return candidate
    try:
        return find_node(taxonomy, tidied).id
    except TaxonomyError as error:
        raise TaxonomyError(f"{name!r:.80} is neither an id nor a path in {taxonomy.source}: {error}") from None


def _pairs(text: str, source: str) -> Iterator[_Pair]:
    start = text.lstrip()
    if start.startswith(("{", "[")):
        return _entries(load_json(text, source), source)
    if start.startswith(("---", "rules:")) or "\nrules:" in text:
        return _entries(load_yaml(text, source), source)
    return _rows(text, source)


def _rows(text: str, source: str) -> Iterator[_Pair]:
    for delimiter in DELIMITERS:
        for row in first_rows(text, delimiter):
            columns = _columns([plain(title) for title in row.cells])
            if columns is not None:
                return _table(text, source, delimiter, row.line, columns)
    raise TaxonomyError("expected a header with the columns from and to", source=source, line=1)


def _table(text: str, source: str, delimiter: str, header: int, columns: tuple[int, int]) -> Iterator[_Pair]:
    for row in read_rows(text, source, delimiter):
        if row.line > header and row.cell(columns[0]):
            new = row.cell(columns[1])
            yield _Pair(row.line, "", row.cell(columns[0]), [new] if new else [])


def _columns(titles: list[str]) -> tuple[int, int] | None:
    """The old and the new column: by their titles, or, as IAB has it, the two that title an id."""
    old = next((place for place, title in enumerate(titles) if title in _FROM_TITLES), None)
    new = next((place for place, title in enumerate(titles) if title in _TO_TITLES), None)
    if old is not None and new is not None:
        return old, new
    ids = [place for place, title in enumerate(titles) if title.split()[-1:] == ["id"]]
    if len(ids) == 2:  # noqa: PLR2004 (old and new)
        turned = "new" in titles[ids[0]].split() or "old" in titles[ids[1]].split()
        return (ids[1], ids[0]) if turned else (ids[0], ids[1])
    return None


def _entries(value: Any, source: str) -> Iterator[_Pair]:
    if isinstance(value, dict) and isinstance(value.get("mappings"), list):
        rules: Iterable[Any] = [
            rule
            for each in value["mappings"]
            for rule in (each["rules"] if isinstance(each, dict) and isinstance(each.get("rules"), list) else [each])
        ]
    elif isinstance(value, dict) and isinstance(value.get("rules"), list):
        rules = value["rules"]
    elif isinstance(value, dict):
        rules = [{"from": old, "to": new} for old, new in value.items()]
    else:
        rules = value if isinstance(value, list) else []
    for number, rule in enumerate(rules, 1):
        part = f"entry {number}"
        with located(source, part=part):
            old = _ids(_first(rule, _FROM_KEYS))
            if len(old) != 1:
                raise TaxonomyError(f"expected one old node, found {len(old)}")
            pair = _Pair(None, part, old[0], _ids(_first(rule, _TO_KEYS)))
        yield pair


def _first(rule: Any, keys: tuple[str, ...]) -> Any:
    if not isinstance(rule, dict):
        raise TaxonomyError(f"{rule!r:.60} is no object")
    for key in keys:
        if key in rule:
            return rule[key]
    raise TaxonomyError(f"lacks {' or '.join(map(repr, keys[:2]))}")


def _ids(value: Any) -> list[str]:
    """The ids in what one side holds: a text or number, an object with an id, or a list of these."""
    found: list[str] = []
    pending = [value]
    for _ in range(_MAX_PARTS):
        if not pending:
            return found[::-1]
        here = pending.pop()
        if isinstance(here, (list, tuple)):
            pending.extend(here)
        elif isinstance(here, dict):
            pending.append(next((here[key] for key in _ID_KEYS if key in here), None))
        elif isinstance(here, (str, int)) and not isinstance(here, bool):
            if str(here).strip():
                found.append(str(here))
        elif here is not None:
            raise TaxonomyError(f"{here!r:.60} is no id")
    raise TaxonomyError(f"more than {_MAX_PARTS} parts")
