"""A folder tree of images: every sub-folder is a node, and one that holds images and sub-folders is assignable."""

import os
from collections.abc import Iterator
from pathlib import Path

from taxonomy.errors import TaxonomyError, first_line
from taxonomy.graph import PATH_SEPARATOR, Node, Taxonomy

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})


def taxonomy_of_folder(root: Path) -> Taxonomy:
    """The tree of the folders below `root`, named by their paths; links and hidden folders are passed over.

    Where the first folders are all splits (`train`, `val`, `test`) the tree is that of what lies below these.

    Raises TaxonomyError when there is no folder below, and when one cannot be read.
    """
    nodes: dict[str, Node] = {}
    for top in [root / name for name in split_folders(root)] or [root]:
        for node in _nodes(top):
            known = nodes.setdefault(node.id, node)
            if node.assignable and not known.assignable:
                nodes[node.id] = node
    return Taxonomy(nodes.values(), str(root))


def split_folders(root: Path) -> dict[str, str]:
    """Folder -> split, where every folder of `root` is a split; else nothing. Raises TaxonomyError."""
    try:
        names = [each.name for each in root.iterdir() if each.is_dir() and not each.name.startswith(".")]
    except OSError as error:
        raise TaxonomyError(first_line(error), source=root) from None
    found = {name: SPLIT_FOLDERS[name.lower()] for name in sorted(names) if name.lower() in SPLIT_FOLDERS}
    return found if len(found) == len(names) else {}


def labels_of_folder(root: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (number, row of a labels.csv) of every image in a folder of folders (the ImageFolder layout)."""
    number = 0
    splits = split_folders(root)
    for path in sorted(each for each in root.rglob("*") if each.suffix.lower() in IMAGE_SUFFIXES and each.is_file()):
        parts = path.relative_to(root).parts
        if any(part.startswith(".") for part in parts):
            continue
        names = parts[1:-1] if splits else parts[:-1]
        if names:
            number += 1
            row = {"image": str(path.relative_to(root)), "path": PATH_SEPARATOR.join(names)}
            yield number, {**row, "split": splits.get(parts[0], "")}


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
