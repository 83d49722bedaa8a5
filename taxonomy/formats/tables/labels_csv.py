"""A labels.csv as the source of a taxonomy: every path that labels an image, and what lies above it."""

import csv
from collections.abc import Iterator, Mapping
from io import StringIO

from taxonomy.errors import TaxonomyError
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.tables.paths import taxonomy_of_paths
from taxonomy.graph import Taxonomy, split_path

_HEADER_HINT = "expected a header with 'image' and 'path' or 'node' (and 'split', 'weight' if you like)"


def read_rows(text: str, source: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield (line, row) of a labels.csv. Raises TaxonomyError on a missing header or a row of the wrong length."""
    reader = csv.DictReader(StringIO(text, newline=""), strict=True)
    try:
        header = reader.fieldnames or ()
        if "image" not in header or not {"path", "node"} & set(header):
            raise TaxonomyError(f"{_HEADER_HINT}, found {', '.join(header)[:80]!r}", source=source, line=1)
        for row in reader:
            if None in row or None in row.values():
                raise TaxonomyError(f"the row does not have {len(header)} fields", source=source, line=reader.line_num)
            yield reader.line_num, row
    except csv.Error as error:
        raise TaxonomyError(str(error), source=source, line=reader.reader.line_num) from None


def detect(text: str) -> bool:
    """Whether the first line is a labels.csv header."""
    header = {name.strip().strip('"') for name in text.partition("\n")[0].split(",")}
    return "image" in header and bool({"path", "node"} & header)


def parse(text: str, source: str) -> Taxonomy:
    """Build the tree of all labelled paths. Raises TaxonomyError when the file has no `path` column."""
    rows = read_rows(text, source)
    return taxonomy_of_paths(_paths(rows, source), source)


def _paths(rows: Iterator[tuple[int, Mapping[str, str]]], source: str) -> Iterator[tuple[int, tuple[str, ...], str]]:
    for line, row in rows:
        if "path" not in row:
            raise TaxonomyError("labels by node id do not define a taxonomy: give one with --taxonomy", source=source)
        yield line, split_path(row["path"]), ""


FORMAT = TextFormat("labels-csv", detect, parse)
