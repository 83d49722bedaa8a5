"""Read a taxonomy file, whose format is found by its content; write one."""

from dataclasses import dataclass
from pathlib import Path

from taxonomy.errors import TaxonomyError
from taxonomy.formats.doubts.lookalikes import name_warnings
from taxonomy.formats.doubts.notes import collect_notes, note
from taxonomy.formats.doubts.refusals import what_was_seen
from taxonomy.formats.doubts.shape import shape_warnings
from taxonomy.formats.folder import taxonomy_of_folder
from taxonomy.formats.json.text import forget_json, load_json
from taxonomy.formats.protocol import Format, TextFormat
from taxonomy.formats.registry import Candidate, format_names, get_format, is_builtin, rank_formats
from taxonomy.formats.tables.workbook import is_workbook, workbook_text
from taxonomy.formats.text.decoding import MAX_FILE_BYTES, decode, read_bytes, read_text
from taxonomy.graph import Taxonomy

__all__ = [
    "MAX_FILE_BYTES",
    "Format",
    "Reading",
    "TextFormat",
    "format_names",
    "inspect_taxonomy",
    "read_taxonomy",
    "read_text",
    "write_taxonomy",
]

_CLOSE = 0.03  # scores that differ by less are two readings of one file


@dataclass(frozen=True, slots=True)
class Reading:
    """A taxonomy, the format it was read in (`folder` for one), and what had to be guessed or looks odd."""

    taxonomy: Taxonomy
    format: str
    warnings: tuple[str, ...]


def read_taxonomy(path: str | Path, format_name: str | None = None) -> Taxonomy:
    """Read a taxonomy file, or a folder of images; the format is detected from the content unless it is named.

    Raises TaxonomyError with the file (and the line, where there is one) on anything wrong with it.
    """
    return _read(Path(path), format_name)[0]


def inspect_taxonomy(path: str | Path, format_name: str | None = None) -> Reading:
    """Read as `read_taxonomy` does, and say in which format and with which doubts. Raises TaxonomyError likewise."""
    with collect_notes() as notes:
        read, name = _read(Path(path), format_name)
    return Reading(read, name, (*notes, *shape_warnings(read), *name_warnings(read)))


def _read(path: Path, format_name: str | None) -> tuple[Taxonomy, str]:
    if path.is_dir():
        return taxonomy_of_folder(path), "folder"
    known = get_format(format_name) if format_name is not None else None
    content = read_bytes(path)
    text = workbook_text(content, str(path)) if is_workbook(content) else decode(content, path)
    try:
        if known is not None:
            return _parse(known, text, path), known.name
        return _read_best(rank_formats(text), text, path)
    finally:
        forget_json()


def _read_best(ranked: list[Candidate], text: str, path: Path) -> tuple[Taxonomy, str]:
    if not ranked:
        if text.lstrip().startswith(("{", "[")):
            load_json(text, str(path))  # says what is wrong with it, if it is no JSON
        raise TaxonomyError(
            f"not a taxonomy in any known format ({', '.join(format_names())}){what_was_seen(text)}", source=path
        )
    best = ranked[0]
    try:
        taxonomy = _parse(best.format, text, path)
    except TaxonomyError as error:
        others = [each for each in ranked[1:] if each.score > best.score - _CLOSE and is_builtin(best.format)]
        for other in others:
            try:
                taxonomy = _parse(other.format, text, path)
            except TaxonomyError:
                continue
            if not shape_warnings(taxonomy):  # else the first reading was the right one, and so is what it refuses
                note(f"read as {other.format.name}, because as {best.format.name} it is refused: {error}")
                return taxonomy, other.format.name
        raise error from None
    _tell_other_reading(taxonomy, ranked, text, path)
    return taxonomy, best.format.name


def _tell_other_reading(taxonomy: Taxonomy, ranked: list[Candidate], text: str, path: Path) -> None:
    """Note a reading that fits nearly as well and says something else; any that does where this one looks odd."""
    best = ranked[0]
    odd = shape_warnings(taxonomy)
    for other in ranked[1:] if is_builtin(best.format) else ():
        if not odd and other.score <= best.score - _CLOSE:
            continue
        try:
            with collect_notes():  # the doubts of a reading that is not taken
                second = _parse(other.format, text, path)
        except TaxonomyError:
            continue
        if _size(second) != _size(taxonomy) and not (odd and shape_warnings(second)):
            note(f"read as {best.format.name}, {_size(taxonomy)}; as {other.format.name} it would be {_size(second)}: "
                 f"--format {other.format.name}")  # fmt: skip
            return


def _size(taxonomy: Taxonomy) -> str:
    return f"{len(taxonomy)} nodes and {taxonomy.graph.number_of_edges()} edges"


def _parse(found: Format, text: str, path: Path) -> Taxonomy:
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
