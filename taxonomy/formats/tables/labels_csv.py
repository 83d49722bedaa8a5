"""A labels file as the source of a taxonomy: every path that labels an image, and what lies above it.

The titles may be in any case and order, by any delimiter: `image` (or file, filename), and `path`, `node` or
`label`. COCO
and Label Studio exports are labels files as well.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from taxonomy.errors import TaxonomyError
from taxonomy.formats.doubts.notes import note
from taxonomy.formats.json.text import load_json
from taxonomy.formats.paths.separators import find_separator, split_names
from taxonomy.formats.paths.tree import taxonomy_of_paths
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.tables.delimited import DELIMITERS, plain
from taxonomy.formats.tables.exports import is_export, rows_of_export
from taxonomy.graph import PATH_SEPARATOR, Taxonomy, split_path

_HEADER_HINT = "expected a header with 'image' and 'path' or 'node' (and 'split', 'weight' if you like)"
_TITLES = {
    "image": ("image", "images", "file", "filename", "file name", "image path", "image file", "img", "filepath",
              "file path", "image name", "image id", "asset"),
    "path": ("path", "category path", "label path", "taxonomy path", "hierarchy", "full path"),
    "node": ("node", "node id", "category id", "label id", "class id", "taxon id"),
    "label": ("label", "labels", "class", "category", "class name", "category name", "label name", "tag", "tags",
              "species", "name"),
    "split": ("split", "set", "subset", "fold", "partition", "dataset"),
    "weight": ("weight", "sample weight"),
}  # fmt: skip
_SIGNS = frozenset(
    {"/", "|", "::", "\\", "»", "→", "\u203a", " / ", " | ", " » ", " → ", " \u203a ", ">", "->", " -> "}
)
_SCORE = 0.95

Labels = Iterator[tuple[int, Mapping[str, str]]]


def read_rows(text: str, source: str) -> Labels:
    """Yield (line, row) of a labels file, under the titles `image`, `path`, `node`, `split` and `weight`.

    Paths are written `A > B`, whatever separated their names; of a Label Studio or COCO export the line is that of
    the task or annotation, counted. Raises TaxonomyError on a missing header or a row of the wrong length.
    """
    if text.lstrip()[:1] in ("{", "["):
        yield from rows_of_export(load_json(text, source), source)
        return
    delimiter, titles = _header(text)
    if "image" not in titles or not {"path", "node", "label"} & set(titles):
        header = [cell.strip().strip('"') for cell in text.partition("\n")[0].split(delimiter)]
        raise TaxonomyError(f"{_HEADER_HINT}, found {', '.join(header)[:80]!r}", source=source, line=1)
    rows = list(_rows(text, source, delimiter, titles))
    for column in ("path", "label"):
        _rewrite(rows, column)
    yield from rows


def detect(text: str) -> float:
    """Whether the first line is the header of a labels file, or it is an export of labels."""
    if text.lstrip()[:1] in ("{", "["):
        return _SCORE if is_export(text) else 0.0
    _, titles = _header(text)
    return _SCORE if "image" in titles and {"path", "node", "label"} & set(titles) else 0.0


def parse(text: str, source: str) -> Taxonomy:
    """Build the tree of all labelled paths. Raises TaxonomyError when the file has no `path` column."""
    rows = read_rows(text, source)
    return taxonomy_of_paths(_paths(rows, source), source)


def _paths(rows: Labels, source: str) -> Iterator[tuple[int, tuple[str, ...], str]]:
    for line, row in rows:
        path = row.get("path", row.get("label"))
        if path is None:
            raise TaxonomyError("labels by node id do not define a taxonomy: give one with --taxonomy", source=source)
        yield line, split_path(path), ""


def _header(text: str) -> tuple[str, list[str]]:
    """(delimiter, our title or the plain one of each column), by the delimiter that gives most of ours."""
    first = text.lstrip("\ufeff").partition("\n")[0].rstrip("\r")
    best: tuple[str, list[str]] = (",", [])
    for delimiter in (",", *(each for each in DELIMITERS if each != ",")):
        try:
            cells = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            continue
        titles = _known([plain(cell) for cell in cells])
        if len(set(titles) & _TITLES.keys()) > len(set(best[1]) & _TITLES.keys()):
            best = (delimiter, titles)
    return best


def _known(titles: Sequence[str]) -> list[str]:
    found = list(titles)
    for name, words in _TITLES.items():
        place = next((titles.index(word) for word in words if word in titles), None)
        if place is not None:
            found[place] = name
    return found


def _rows(text: str, source: str, delimiter: str, titles: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    try:
        for cells in islice(reader, 1, None):
            if not cells:
                continue
            if len(cells) != len(titles):
                raise TaxonomyError(f"the row does not have {len(titles)} fields", source=source, line=reader.line_num)
            yield reader.line_num, dict(zip(titles, cells, strict=True))
    except csv.Error as error:
        raise TaxonomyError(str(error), source=source, line=reader.line_num) from None


def _rewrite(rows: list[tuple[int, dict[str, str]]], column: str) -> None:
    """Write the paths of a column with ` > ` and say so; say as well where a sign is in too few to be a separator."""
    cells = [row[column].strip() for _, row in rows if row.get(column, "").strip()]
    if not cells or any(PATH_SEPARATOR in cell for cell in cells):
        return
    separator = find_separator(cells)
    if separator in _SIGNS and separator is not None:
        note(f"the {column}s were split at {separator.strip()!r}")
        for _, row in rows:
            if row.get(column):
                row[column] = PATH_SEPARATOR.join(split_names(row[column], separator))
        return
    held = next((sign for sign in ("/", "|", "::", "\\") if any(sign in cell for cell in cells)), None)
    if held is not None:
        count = sum(held in cell for cell in cells)
        note(f"{count} of {len(cells)} {column}s hold {held!r}, too few for a separator: these names were not split")


FORMAT = TextFormat("labels-csv", detect, parse)
