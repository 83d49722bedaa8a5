"""Newick trees: `((Gala,Fuji)Apple,Pear)Fruit;` with lengths and comments passed over. A node is known by its name."""

import re
from collections import Counter

from taxonomy.errors import TaxonomyError, located
from taxonomy.formats.doubts.notes import note
from taxonomy.formats.paths.ids import PathIds
from taxonomy.formats.protocol import TextFormat
from taxonomy.graph import MAX_LEVELS, Node, Taxonomy, tidy

_TOKEN = re.compile(
    r"\s+|\[[^\]]*\]|'(?:[^']|'')*'|\"[^\"]*\"|[(),;]|:[^(),;\[\]]*|[^\s()\[\],:;'\"]+(?:[ ]+[^\s()\[\],:;'\"]+)*"
)
_SCORE = 0.92


def detect(text: str) -> float:
    """Whether it begins with a bracket, ends with a semicolon, and its brackets add up."""
    body = re.sub(r"\[[^\[\]]*\]", "", text[:1_000_000]).strip() if text.lstrip()[:1] in ("(", "[") else ""
    is_whole = body.startswith("(") and text.rstrip().endswith(";") and text.count("(") == text.count(")")
    return _SCORE if is_whole else 0.0


def parse(text: str, source: str) -> Taxonomy:
    """Build the tree. Raises TaxonomyError on brackets that do not add up."""
    rows = _rows(text, source)
    counts = Counter(name for name, _ in rows if name)
    nameless = sum(not name for name, _ in rows)
    if nameless:
        note(f"{nameless} inner nodes without a name are named for what they hold")
    return Taxonomy(_nodes(rows, counts, source), source)


def _nodes(rows: list[tuple[str, int | None]], counts: Counter[str], source: str) -> list[Node]:
    """rows: (name, position of the parent), parents after their children, as they are written."""
    held: dict[int, list[int]] = {}
    for place, (_, above) in enumerate(rows):
        if above is not None:
            held.setdefault(above, []).append(place)
    names: dict[int, str] = {}
    for place, (name, _) in enumerate(rows):
        names[place] = name or "+".join(names[child][:30] for child in held.get(place, [])[:3])
        if not names[place]:
            raise TaxonomyError("a leaf without a name", source=source)
    known: dict[int, str] = {}
    made = PathIds()
    nodes = []
    for place in range(len(rows) - 1, -1, -1):
        above = rows[place][1]
        unique = counts[names[place]] == 1
        with located(source):
            known[place] = made.below(None if unique or above is None else known[above], names[place])
        nodes.append(Node(known[place], names[place], (known[above],) if above is not None else ()))
    return nodes


def _rows(text: str, source: str) -> list[tuple[str, int | None]]:
    rows: list[tuple[str, int | None]] = []
    open_: list[list[int]] = [[]]  # for each open bracket the children that are complete
    pending: str | None = None  # the name of what was read last
    inner: list[int] = []
    closed = False
    for mark in _tokens(text, source):
        if mark in "(),;" and mark:
            if mark == "(":
                open_.append([])
                pending, closed = None, False
                if len(open_) > MAX_LEVELS:
                    raise TaxonomyError(f"nested more than {MAX_LEVELS} levels deep", source=source)
                continue
            if pending is not None or closed:
                rows.append((pending or "", None))
                for child in inner:
                    rows[child] = (rows[child][0], len(rows) - 1)
                open_[-1].append(len(rows) - 1)
            pending, closed, inner = None, False, []
            if mark == ")":
                if len(open_) == 1:
                    raise TaxonomyError("a closing bracket too many", source=source)
                inner, closed = open_.pop(), True
        else:
            pending = mark
    if len(open_) > 1 or not rows:
        raise TaxonomyError("not a Newick tree: brackets that do not add up", source=source)
    return rows


def _tokens(text: str, source: str) -> list[str]:
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            line = text.count("\n", 0, place) + 1
            raise TaxonomyError(f"not a Newick tree: {text[place : place + 20]!r}", source=source, line=line)
        place = match.end()
        mark = match[0]
        if mark.isspace() or mark[0] in ":[":
            continue
        quoted = mark[0] in "'\""
        name = mark[1:-1].replace("''", "'") if quoted else mark.replace("_", " ") if mark not in "(),;" else mark
        found.append(tidy(name) if mark not in "(),;" else mark)
    return found


FORMAT = TextFormat("newick", detect, parse)
