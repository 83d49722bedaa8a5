"""Trees made of paths: what path lines, tier columns, labels and folders have in common."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from taxonomy.errors import TaxonomyError, located
from taxonomy.formats.paths.ids import PathIds
from taxonomy.graph import MAX_LEVELS, PATH_SEPARATOR, Node, Taxonomy


def taxonomy_of_paths(
    paths: Iterable[tuple[int, tuple[str, ...], str]],
    source: str,
    *,
    unique: bool = False,
    ids: Mapping[tuple[str, ...], str] = MappingProxyType({}),
) -> Taxonomy:
    """A tree of paths; `paths` holds (line or 0, names, id or blank). A node without an id is known by its path.

    ids: path -> id, for paths that no line gives one.

    With `unique`, raises TaxonomyError when a path is given twice; always on a blank name, and on two ids of one path.
    """
    known_ids = dict(ids)
    lines: dict[tuple[str, ...], int] = {}
    given: dict[tuple[str, ...], int] = {}
    made = PathIds()
    for line, names, node_id in paths:
        with located(source, line or None):
            _refuse_bad_path(names)
            if names in given and (unique or node_id not in ("", known_ids.get(names, ""))):
                first = f" on line {given[names]}" if given[names] else ""
                raise TaxonomyError(f"path {PATH_SEPARATOR.join(names)!r} was given{first} already")
            known = _known(names, lines)
            made.count(names, known)
        given.setdefault(names, line)
        if node_id:
            known_ids[names] = node_id
        for end in range(len(names), known, -1):
            lines[names[:end]] = line
    ids_of = {names: known_ids.get(names) or PATH_SEPARATOR.join(names) for names in lines}
    return Taxonomy(
        (
            Node(ids_of[names], names[-1], (ids_of[names[:-1]],) if len(names) > 1 else (), line=line or None)
            for names, line in lines.items()
        ),
        source,
    )


def _known(names: tuple[str, ...], lines: Mapping[tuple[str, ...], int]) -> int:
    """How many names of a path, from the root on, are known as a path already."""
    return next((end for end in range(len(names), 0, -1) if names[:end] in lines), 0)


def _refuse_bad_path(names: tuple[str, ...]) -> None:
    if not all(names):
        raise TaxonomyError(f"blank name in path {PATH_SEPARATOR.join(names)!r}")
    if len(names) > MAX_LEVELS:
        raise TaxonomyError(f"a path of {len(names)} names, more than {MAX_LEVELS}")
