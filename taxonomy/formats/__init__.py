"""Taxonomy files: one module per format, found by content."""

from pathlib import Path

from taxonomy.errors import TaxonomyError
from taxonomy.formats import canonical, labels_csv, path_lines
from taxonomy.formats.protocol import Format
from taxonomy.graph import Taxonomy

FORMATS: tuple[Format, ...] = (canonical.FORMAT, labels_csv.FORMAT, path_lines.FORMAT)
MAX_FILE_BYTES = 256 * 2**20


def read_taxonomy(path: str | Path, format_name: str | None = None) -> Taxonomy:
    """Read a taxonomy file; the format is detected from the content unless it is named.

    Raises TaxonomyError with the file (and the line, where there is one) on anything wrong with it.
    """
    path = Path(path)
    text = read_text(path)
    return _choose(text, path, format_name).parse(text, str(path))


def _choose(text: str, path: Path, format_name: str | None) -> Format:
    if format_name is not None:
        for known in FORMATS:
            if known.name == format_name:
                return known
        raise TaxonomyError(f"unknown format {format_name!r}; known: {', '.join(known.name for known in FORMATS)}")
    for known in FORMATS:
        if known.detect(text):
            return known
    raise TaxonomyError(f"{path}: not a taxonomy in any known format ({', '.join(known.name for known in FORMATS)})")


def read_text(path: Path) -> str:
    """The text of a UTF-8 file of at most MAX_FILE_BYTES. Raises TaxonomyError."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TaxonomyError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaxonomyError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise TaxonomyError(f"{path}: {error.strerror or error}") from None
