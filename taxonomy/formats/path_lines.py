"""Lines of `A > B > C`, each with or without an id in front (`12 - A > B > C`)."""

import re
from collections.abc import Iterable, Iterator

from taxonomy.errors import TaxonomyError
from taxonomy.formats.protocol import Format
from taxonomy.graph import PATH_SEPARATOR, Node, Taxonomy, tidy

_WITH_ID = re.compile(r"^(?P<id>\S+)\s+-\s+(?P<path>.+)$")
_SEPARATOR = re.compile(r"(?<!\S)>(?!\S)")
_SAMPLE_LINES = 50


def split_path(text: str) -> tuple[str, ...]:
    """The names of a path written `A > B > C`, stripped; blank names are kept, for the caller to refuse."""
    return tuple(tidy(name) for name in _SEPARATOR.split(text))


def detect(text: str) -> bool:
    """Whether any of the first lines is a path with a separator, or all of them begin with an id."""
    lines = [line for _, line in _content(text.splitlines()[:_SAMPLE_LINES])]
    if not lines or lines[0].startswith(("{", "[", "<")):
        return False
    return any(PATH_SEPARATOR in line for line in lines) or all(_WITH_ID.match(line) for line in lines)


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. With ids every parent needs a line of its own; without, parents are implied by paths."""
    lines = list(_content(text.splitlines()))
    if 2 * sum(_WITH_ID.match(line) is not None for _, line in lines) > len(lines):  # most have an id, so all must
        return Taxonomy(_nodes_with_ids(lines, source), source)
    return taxonomy_of_paths(((number, split_path(line)) for number, line in lines), source, unique=True)


def taxonomy_of_paths(paths: Iterable[tuple[int, tuple[str, ...]]], source: str, *, unique: bool = False) -> Taxonomy:
    """A tree whose ids are the paths themselves. `paths` holds (line, names).

    With `unique`, raises TaxonomyError when a path is given twice.
    """
    nodes: dict[str, Node] = {}
    given: dict[str, int] = {}
    for line, names in paths:
        whole = PATH_SEPARATOR.join(names)
        if not all(names):
            raise TaxonomyError(f"{source}: line {line}: blank name in path {whole!r}")
        if unique and whole in given:
            raise TaxonomyError(f"{source}: line {line}: path {whole!r} was given on line {given[whole]} already")
        given.setdefault(whole, line)
        parent: tuple[str, ...] = ()
        for end in range(1, len(names) + 1):
            node_id = PATH_SEPARATOR.join(names[:end])
            if node_id not in nodes:
                nodes[node_id] = Node(node_id, names[end - 1], parent, line=line)
            parent = (node_id,)
    return Taxonomy(nodes.values(), source)


def _nodes_with_ids(lines: list[tuple[int, str]], source: str) -> Iterator[Node]:
    ids: dict[tuple[str, ...], str] = {}
    rows: list[tuple[int, str, tuple[str, ...]]] = []
    for number, line in lines:
        match = _WITH_ID.match(line)
        if match is None:
            raise TaxonomyError(f"{source}: line {number}: no id in {line!r:.60}")
        names = split_path(match["path"])
        if names in ids:
            raise TaxonomyError(f"{source}: line {number}: path {match['path']!r} has the id {ids[names]!r} already")
        ids[names] = match["id"]
        rows.append((number, match["id"], names))
    for number, node_id, names in rows:
        above = names[:-1]
        if above and above not in ids:
            raise TaxonomyError(
                f"{source}: line {number}: unknown parent: no line gives {PATH_SEPARATOR.join(above)!r} an id"
            )
        yield Node(node_id, names[-1], (ids[above],) if above else (), line=number)


def _content(lines: list[str]) -> Iterator[tuple[int, str]]:
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if line and not line.startswith("#"):
            yield number, line


FORMAT = Format("path-lines", detect, parse)
