"""Two columns without a header: parent, child. Ids are the names; a node may have several parents."""

from collections.abc import Iterator
from itertools import islice

from taxonomy.errors import TaxonomyError
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.tables.delimited import read_rows
from taxonomy.graph import PATH_SEPARATOR, Node, Taxonomy, tidy

_SAMPLE_LINES = 50
_COLUMNS = 2
_TITLES = ({"parent", "child"}, {"source", "target"}, {"from", "to"})


def detect(text: str) -> bool:
    """Whether all of the first lines have two fields, by tab, comma, semicolon or white space, and none is a path."""
    lines = [line for line in islice(text.splitlines(), _SAMPLE_LINES) if line.strip() and not line.startswith("#")]
    if not lines or lines[0].lstrip().startswith(("{", "[", "<", "@")) or any(PATH_SEPARATOR in line for line in lines):
        return False
    return _delimiter(lines) is not None


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError, with the line, on a row that has not just two fields."""
    lines = [line for line in islice(text.splitlines(), _SAMPLE_LINES) if line.strip() and not line.startswith("#")]
    delimiter = _delimiter(lines) or "\t"
    parents: dict[str, dict[str, None]] = {}
    where: dict[str, int] = {}
    for line, parent, child in _edges(text, source, delimiter):
        parents.setdefault(parent, {})
        parents.setdefault(child, {})[parent] = None
        where.setdefault(child, line)
        where.setdefault(parent, line)
    return Taxonomy((Node(name, name, tuple(above), line=where[name]) for name, above in parents.items()), source)


def _edges(text: str, source: str, delimiter: str) -> Iterator[tuple[int, str, str]]:
    """Yield (line, parent, child)."""
    if delimiter == " ":
        rows = ((number, line.split()) for number, line in enumerate(text.splitlines(), 1) if line.strip())
    else:
        rows = ((row.line, list(row.cells)) for row in read_rows(text, source, delimiter))
    is_first = True
    for line, cells in rows:
        if cells[0].startswith("#"):
            continue
        if is_first and {cell.lower() for cell in cells} in _TITLES:
            is_first = False
            continue
        is_first = False
        if len(cells) != _COLUMNS or not all(cells):
            raise TaxonomyError(f"expected a parent and a child, found {cells!r:.80}", source=source, line=line)
        yield line, tidy(cells[0]), tidy(cells[1])


def _delimiter(lines: list[str]) -> str | None:
    for delimiter in ("\t", ",", ";"):
        if all(len(_quick_split(line, delimiter)) == _COLUMNS for line in lines):
            return delimiter
    return " " if len(lines) > 1 and all(len(line.split()) == _COLUMNS for line in lines) else None


def _quick_split(line: str, delimiter: str) -> list[str]:
    try:
        return [cell for row in read_rows(line, "", delimiter) for cell in row.cells if cell]
    except TaxonomyError:
        return []


FORMAT = TextFormat("edge-list", detect, parse)
