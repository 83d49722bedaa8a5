"""A folder tree of images: every sub-folder is a node, and one that holds images and sub-folders is assignable."""

import os
from collections.abc import Iterator
from pathlib import Path

from taxonomy.errors import TaxonomyError, first_line
from taxonomy.graph import PATH_SEPARATOR, Node, Taxonomy

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})


def taxonomy_of_folder(root: Path) -> Taxonomy:
    """The tree of the folders below `root`, named by their paths; links and hidden folders are passed over.

    Raises TaxonomyError when there is no folder below, and when one cannot be read.
    """
    return Taxonomy(_nodes(root), str(root))


def _nodes(root: Path) -> Iterator[Node]:
    pending: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    while pending:
        folder, names = pending.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            below = [e for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False)]
        except OSError as error:
            raise TaxonomyError(first_line(error), source=folder) from None
        holds_images = any(Path(entry.name).suffix.lower() in IMAGE_SUFFIXES for entry in entries)
        if names:
            parents = (PATH_SEPARATOR.join(names[:-1]),) if len(names) > 1 else ()
            yield Node(PATH_SEPARATOR.join(names), names[-1], parents, assignable=bool(below) and holds_images)
        pending.extend((folder / entry.name, (*names, entry.name)) for entry in below)
