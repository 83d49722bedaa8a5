"""Lines of `A > B > C`, each with or without an id in front or behind.

The separator is the one that explains the most lines: ` > `, ` / `, `/`, `|`, `::`, `»`, `→`, a backslash, `->`;
where none
of these does, `--`, ` - `, `.` or `:` if it explains all. Ids in front: `12 - A > B`, `12<tab>A > B`, `12,A > B`,
`gid://... : A > B`; behind: `A > B<tab>12`, `A > B,12`, `A > B (12)`. An id is a number or holds one after a sign; a
word
that ends in a digit is a name. Lines with # are comments; a first line that titles the rest is no node.
"""

import csv
import re
from collections.abc import Iterator
from typing import NamedTuple

from taxonomy.errors import TaxonomyError
from taxonomy.formats.paths.separators import coverage, find_separator, split_names
from taxonomy.formats.paths.tree import taxonomy_of_paths
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.vocabulary import name_strength, path_strength, plain
from taxonomy.graph import PATH_SEPARATOR, Node, Taxonomy

_ID = r"(?P<id>\d[\w.:-]*|(?=\S*\d)(?=\S*[-_/:.])[^\s,;\t]+)"
_WITH_ID = (
    re.compile(r"^(?P<id>\S+)\s+-\s+(?P<path>.+)$"),
    re.compile(r"^(?P<id>(?=\S*[\d/])[^\s,;]+)\s+:\s+(?P<path>.+)$"),
    re.compile(rf"^{_ID}\t\s*(?P<path>.+)$"),
    re.compile(rf"^{_ID}\s*[,;]\s*(?P<path>.+)$"),
    re.compile(rf"^(?P<path>.+?)\s*\t{_ID}$"),
    re.compile(rf"^(?P<path>.+?)\s*[,;]\s*{_ID}$"),
    re.compile(r"^(?P<path>.+?)\s+[(\[](?P<id>(?=\S*\d)[^\s,;()\[\]]+)[)\]]$"),
    re.compile(r"^(?P<path>.+?)\s+(?P<id>\d+)$"),
    re.compile(r"^(?P<id>\d+)\s+(?P<path>.+)$"),
)
_SURE_IDS = frozenset(_WITH_ID[:2])  # what stands before ` - ` and ` : ` is an id even where no line is a path
_NOT_LINES = ("{", "[", "<", "@")
_SCORE, _LIST_SCORE = 0.7, 0.65
_MAX_ID = 120  # characters at either end of a line among which an id is looked for
_CUT = "\0"  # stands for the middle of a long line, and in no text

Line = tuple[int, str]


class _Numbered(NamedTuple):
    """A line with an id."""

    id: str
    path: str


def detect(text: str) -> float:
    """How large a share of the lines a separator explains; or whether all lines have an id."""
    if text.lstrip().startswith(_NOT_LINES):
        return 0.0
    lines = _content(text)
    if not lines:
        return 0.0
    pattern = _id_pattern(lines)
    paths = [found.path for _, line in lines if (found := _match(pattern, line))] if pattern else []
    if pattern is not None and paths:
        separator = find_separator(paths)
        share = len(paths) / len(lines)
        return _SCORE * share if separator else _LIST_SCORE if share == 1 and pattern in _SURE_IDS else 0.0
    texts = [line for _, line in lines]
    separator = find_separator(texts)
    if separator is None or not any(separator in line.strip(separator) for line in texts):
        return 0.0
    return _SCORE * coverage(texts, separator)


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. With ids every parent needs a line of its own; without, parents are implied by paths."""
    lines = _content(text)
    pattern = _id_pattern(lines)
    if pattern is None:
        separator = find_separator([line for _, line in lines]) or PATH_SEPARATOR
        paths = ((number, split_names(line, separator), "") for number, line in lines)
        return taxonomy_of_paths(paths, source, unique=True)
    return Taxonomy(_nodes_with_ids(lines, pattern, source), source)


def _id_pattern(lines: list[Line]) -> re.Pattern[str] | None:
    """The form in which more than half of the lines give an id of its own, so that all of them must."""
    for pattern in _WITH_ID:
        found = [match for _, line in lines if (match := _match(pattern, line))]
        if 2 * len(found) <= len(lines) or 2 * len({match.id for match in found}) < len(found):
            continue
        if pattern in _SURE_IDS and find_separator([line for _, line in lines]) == " - ":
            continue
        if pattern in _SURE_IDS or find_separator([match.path for match in found]):
            return pattern
    return None


def _match(pattern: re.Pattern[str], line: str) -> _Numbered | None:
    """The id and the path of a line; of a long one the middle is not looked at, which keeps this linear."""
    middle = line[_MAX_ID:-_MAX_ID]
    match = pattern.match(f"{line[:_MAX_ID]}{_CUT}{line[-_MAX_ID:]}" if middle else line)
    if match is None or _CUT in match["id"]:
        return None
    return _Numbered(match["id"], match["path"].replace(_CUT, middle))


def _nodes_with_ids(lines: list[Line], pattern: re.Pattern[str], source: str) -> Iterator[Node]:
    matches = [(number, _match(pattern, line), line) for number, line in lines]
    separator = find_separator([match.path for _, match, _ in matches if match]) or PATH_SEPARATOR
    ids: dict[tuple[str, ...], str] = {}
    rows: list[tuple[int, str, tuple[str, ...]]] = []
    for number, match, line in matches:
        if match is None:
            raise TaxonomyError(f"no id in {line!r:.60}", source=source, line=number)
        names = split_names(match.path, separator)
        if names in ids:
            raise TaxonomyError(f"path {match.path!r} has the id {ids[names]!r} already", source=source, line=number)
        ids[names] = match.id
        rows.append((number, match.id, names))
    implied: dict[tuple[str, ...], int] = {}
    for number, node_id, names in rows:
        above = names[:-1]
        if above and above not in ids:
            if not separator.startswith("/"):
                raise TaxonomyError(
                    f"unknown parent: no line gives {PATH_SEPARATOR.join(above)!r} an id", source=source, line=number
                )
            for end in range(1, len(names)):
                implied.setdefault(names[:end], number)
        yield Node(node_id, names[-1], (ids.get(above, PATH_SEPARATOR.join(above)),) if above else (), line=number)
    for names, number in implied.items():
        if names not in ids:
            above = names[:-1]
            parents = (ids.get(above, PATH_SEPARATOR.join(above)),) if above else ()
            yield Node(PATH_SEPARATOR.join(names), names[-1], parents, line=number)


def _content(text: str) -> list[Line]:
    """The lines that count, without the quotes around them and without a first line that titles the others."""
    found = [(n, line) for n, raw in enumerate(text.splitlines(), 1) if (line := raw.strip()) and line[0] != "#"]
    if found and all(line.startswith('"') and line.endswith('"') for _, line in found):
        found = [(number, _unquoted(line)) for number, line in found]
    title = plain(found[0][1]) if len(found) > 1 else ""
    if title and (name_strength(title) or path_strength(title)):
        followed = any(line.startswith(found[0][1]) for _, line in found[1:])
        return found if followed else found[1:]
    return found


def _unquoted(line: str) -> str:
    try:
        cells = next(csv.reader([line]))
    except (csv.Error, StopIteration):
        return line
    return cells[0] if len(cells) == 1 else line


FORMAT = TextFormat("path-lines", detect, parse)
