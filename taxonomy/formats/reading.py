"""Read a taxonomy file, whose format is found by its content; write one."""

from pathlib import Path

from taxonomy.errors import TaxonomyError, first_line
from taxonomy.formats.folder import taxonomy_of_folder
from taxonomy.formats.json.text import load_json
from taxonomy.formats.protocol import Format, TextFormat
from taxonomy.formats.registry import detect_format, format_names, get_format, is_builtin
from taxonomy.graph import Taxonomy

__all__ = ["MAX_FILE_BYTES", "Format", "TextFormat", "format_names", "read_taxonomy", "read_text", "write_taxonomy"]


MAX_FILE_BYTES = 256 * 2**20


def read_taxonomy(path: str | Path, format_name: str | None = None) -> Taxonomy:
    """Read a taxonomy file, or a folder of images; the format is detected from the content unless it is named.

    Raises TaxonomyError with the file (and the line, where there is one) on anything wrong with it.
    """
    path = Path(path)
    if path.is_dir():
        return taxonomy_of_folder(path)
    known = get_format(format_name) if format_name is not None else None
    text = read_text(path)
    found = known or detect_format(text)
    if found is None:
        if text.lstrip().startswith(("{", "[")):
            load_json(text, str(path))  # says what is wrong with it, if it is no JSON
        raise TaxonomyError(f"not a taxonomy in any known format ({', '.join(format_names())})", source=path)
    try:
        return found.parse(text, str(path))
    except TaxonomyError:
        raise
    except RecursionError:
        raise TaxonomyError("nested too deeply", source=path) from None
    except Exception as error:
        if is_builtin(found):
            raise
        raise TaxonomyError(f"the format {found.name!r} failed: {error}", source=path) from error


def write_taxonomy(taxonomy: Taxonomy, format_name: str) -> str:
    """The taxonomy in a format. Raises TaxonomyError on an unknown format or one that is for reading only."""
    return get_format(format_name).write(taxonomy)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file of at most MAX_FILE_BYTES. Raises TaxonomyError."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TaxonomyError(f"larger than {MAX_FILE_BYTES} bytes", source=path)
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaxonomyError(f"not UTF-8 text (byte {error.start})", source=path) from None
    except OSError as error:
        raise TaxonomyError(first_line(error), source=path) from None
    except ValueError as error:
        raise TaxonomyError(f"{str(path)!r}: {error}") from None
    if "\0" in text:
        raise TaxonomyError("a NUL byte in the text", source=path, line=text[: text.index(chr(0))].count(chr(10)) + 1)
    return text
