"""Outlines: deeper indentation is a deeper level; bullets, Markdown headings and the lines of `tree` are signs only.

`{royal gala}` below a keyword is a synonym, as Lightroom writes it. A node is known by its path.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from taxonomy.errors import TaxonomyError, located
from taxonomy.formats.paths.ids import PathIds
from taxonomy.formats.protocol import TextFormat
from taxonomy.graph import MAX_LEVELS, Node, Taxonomy, tidy

_BULLET = re.compile(r"(?:[-*+•\u2013\u2014]|\d{1,4}[.)])\s+")
_HEADING = re.compile(r"(#{1,6})\s+(\S.*)$")
_TREE = re.compile(r"^((?>[│|]\s{0,3}|    |\u00a0)*+)(?:[├└+`|\\]\s?[─-]{1,3}\s?)(.+)$")
_DECIMAL = re.compile(r"\s*(?P<number>\d+(?:\.\d+)*)\.?\s+(?P<name>\S.*)$")
_SYNONYM = re.compile(r"^\{(.+)\}$")
_TAB = 4
_SCORE, _BULLETS_SCORE, _HEADINGS_SCORE = 0.66, 0.75, 0.78
_NOT_LINES = ("{", "[", "<", "@", "digraph", "graph", "---")


def detect(text: str) -> float:
    """Whether a line stands deeper than one before it, no line jumps between known depths, and all are alike."""
    if text.lstrip().startswith(_NOT_LINES):
        return 0.0
    lines = list(_lines(text))
    depths = [depth for _, depth, _, _ in lines]
    if len(lines) < 2 or not any(depths) or depths[0] != min(depths):  # noqa: PLR2004 (a parent and a child)
        return 0.0
    if not any(later > earlier for earlier, later in pairwise(depths)) or _has_torn_rows(text):
        return 0.0
    kinds = {kind for _, _, _, kind in lines}
    if kinds == {"plain"}:
        return _SCORE
    if "heading" in kinds:
        return _HEADINGS_SCORE if kinds <= {"heading", "bullet"} else 0.3
    return _BULLETS_SCORE if len(kinds) == 1 or kinds == {"tree", "plain"} else _SCORE


def parse(text: str, source: str) -> Taxonomy:
    """Build the tree. Raises TaxonomyError, with the line, on indentation that fits no line above."""
    return Taxonomy(_nodes(text, source), source)


def _nodes(text: str, source: str) -> Iterator[Node]:
    above: list[tuple[int, str]] = []  # depth, path
    made = PathIds()
    found: dict[str, Node] = {}
    aliases: dict[str, list[str]] = {}
    for number, depth, raw, _ in _lines(text):
        name = tidy(raw)
        while above and above[-1][0] >= depth:
            above.pop()
        parent = above[-1][1] if above else None
        synonym = _SYNONYM.match(name)
        if synonym and parent is not None:
            aliases.setdefault(parent, []).append(synonym[1])
            continue
        with located(source, number):
            if len(above) >= MAX_LEVELS:
                raise TaxonomyError(f"indented more than {MAX_LEVELS} levels deep")
            path = made.below(parent, name)
            if path in found:
                raise TaxonomyError(f"path {path!r} was given on line {found[path].line} already")
        above.append((depth, path))
        found[path] = Node(path, name, (parent,) if parent is not None else (), line=number)
    for path, node in found.items():
        yield Node(path, node.name, node.parents, tuple(aliases.get(path, ())), line=node.line)


def _lines(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Yield (line, depth, name, kind) of all lines that count; below a heading all is deeper than it."""
    numbered = _numbered(text)
    if numbered:
        yield from numbered
        return
    under = 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.expandtabs(_TAB).rstrip()
        body = line.lstrip()
        if not body or set(body) <= set("│| ") or body.startswith(("//", "<!--")):
            continue
        heading = _HEADING.match(line)
        if heading:
            under = len(heading[1]) * 1000
            yield number, under, heading[2].rstrip("#") or heading[2], "heading"
            continue
        if body.startswith("#"):
            continue
        tree = _TREE.match(line)
        if tree:
            yield number, under + len(tree[1]) + 1, tree[2], "tree"
            continue
        bullet = _BULLET.match(body)
        name = body[bullet.end() :] if bullet else body
        base = under + 1 if under else 0
        yield number, base + len(line) - len(body), re.sub(r"^\[[ xX]\] ", "", name), "bullet" if bullet else "plain"


def _numbered(text: str) -> list[tuple[int, int, str, str]]:
    """The lines of `1 Fruit`, `1.1 Apple`; none unless all are numbered, as deep as another by its number, and once."""
    found: dict[str, tuple[int, int, str, str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _DECIMAL.match(line)
        above = match["number"].rpartition(".")[0] if match else ""
        if not line.strip():
            continue
        if match is None or match["number"] in found or (above and above not in found):
            return []
        found[match["number"]] = (number, match["number"].count("."), match["name"], "numbered")
    return list(found.values()) if any("." in place for place in found) else []


def _has_torn_rows(text: str) -> bool:
    """Whether a line has a tab between words: a table, whose blank first cells only look like indentation."""
    return any("\t" in line.strip() for line in text.splitlines())


FORMAT = TextFormat("outline", detect, parse)
