"""Lines of `A > B > C`, each with or without an id in front or behind.

Separators: ` > `, and where no line has one `>`, ` / `, `/`, `|`, `::`, `»`, `→`, a backslash or a tab. Ids in front:
`12 - A > B`, `12<tab>A > B`, `12,A > B`, `gid://... : A > B`; behind: `A > B<tab>12`, `A > B,12`, `A > B (12)`. Ids
other than those before ` - ` hold a digit, so that no part of a name is taken for one. Lines with # are comments.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from taxonomy.errors import TaxonomyError
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.tables.paths import taxonomy_of_paths
from taxonomy.graph import PATH_SEPARATOR, Node, Taxonomy, split_path, tidy

_ID = r"(?P<id>(?=\S*\d)[^\s,;\t]+)"
_WITH_ID = (
    re.compile(r"^(?P<id>\S+)\s+-\s+(?P<path>.+)$"),
    re.compile(r"^(?P<id>(?=\S*[\d/])[^\s,;]+)\s+:\s+(?P<path>.+)$"),
    re.compile(rf"^{_ID}\t\s*(?P<path>.+)$"),
    re.compile(rf"^{_ID}\s*[,;]\s*(?P<path>.+)$"),
    re.compile(rf"^(?P<path>.+?)\s*\t{_ID}$"),
    re.compile(rf"^(?P<path>.+?)\s*[,;]\s*{_ID}$"),
    re.compile(r"^(?P<path>.+?)\s+[(\[](?P<id>(?=\S*\d)[^\s,;()\[\]]+)[)\]]$"),
)
_SEPARATORS = (">", " / ", "/", " | ", "|", "::", "»", "→", "\\", "\t")
_SAMPLE_LINES = 50
_NOT_LINES = ("{", "[", "<", "@")

Line = tuple[int, str]
Split = Callable[[str], tuple[str, ...]]


def detect(text: str) -> bool:
    """Whether one of the first lines is a path with ` > `, half have another separator, or all have an id."""
    lines = list(_content(text.splitlines()[:_SAMPLE_LINES]))
    if not lines or lines[0][1].startswith(_NOT_LINES):
        return False
    if any(PATH_SEPARATOR in line for _, line in lines):
        return True
    pattern = _id_pattern(lines)
    if pattern is not None and all(pattern.match(line) for _, line in lines):
        return True
    return any(2 * sum(separator in line for _, line in lines) >= len(lines) for separator in _SEPARATORS)


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. With ids every parent needs a line of its own; without, parents are implied by paths."""
    lines = list(_content(text.splitlines()))
    pattern = _id_pattern(lines)
    if pattern is None:
        split = _splitter(line for _, line in lines)
        return taxonomy_of_paths(((number, split(line), "") for number, line in lines), source, unique=True)
    return Taxonomy(_nodes_with_ids(lines, pattern, source), source)


def _id_pattern(lines: list[Line]) -> re.Pattern[str] | None:
    """The form in which more than half of the lines give an id, so that all of them must."""
    for pattern in _WITH_ID:
        found = [match["id"] for _, line in lines if (match := pattern.match(line))]
        if 2 * len(found) > len(lines):
            return pattern
    return None


def _splitter(lines: Iterable[str]) -> Split:
    """How the names of a path are told apart: by ` > ` where any line has it, else by what half of the lines have."""
    lines = list(lines)
    if any(len(split_path(line)) > 1 for line in lines):
        return split_path
    for separator in _SEPARATORS:
        if 2 * sum(separator in line for line in lines) >= len(lines):
            return lambda line: tuple(tidy(name) for name in line.split(separator))
    return split_path


def _nodes_with_ids(lines: list[Line], pattern: re.Pattern[str], source: str) -> Iterator[Node]:
    matches = [(number, pattern.match(line), line) for number, line in lines]
    split = _splitter(match["path"] for _, match, _ in matches if match)
    ids: dict[tuple[str, ...], str] = {}
    rows: list[tuple[int, str, tuple[str, ...]]] = []
    for number, match, line in matches:
        if match is None:
            raise TaxonomyError(f"no id in {line!r:.60}", source=source, line=number)
        names = split(match["path"])
        if names in ids:
            raise TaxonomyError(f"path {match['path']!r} has the id {ids[names]!r} already", source=source, line=number)
        ids[names] = match["id"]
        rows.append((number, match["id"], names))
    for number, node_id, names in rows:
        above = names[:-1]
        if above and above not in ids:
            raise TaxonomyError(
                f"unknown parent: no line gives {PATH_SEPARATOR.join(above)!r} an id", source=source, line=number
            )
        yield Node(node_id, names[-1], (ids[above],) if above else (), line=number)


def _content(lines: list[str]) -> Iterator[Line]:
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if line and not line.startswith("#"):
            yield number, line


FORMAT = TextFormat("path-lines", detect, parse)
