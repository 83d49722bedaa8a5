"""Ids that are paths, and a bound on their signs: a long name above many leaves stands in the id of each of them."""

from collections.abc import Sequence

from taxonomy.errors import TaxonomyError
from taxonomy.graph import MAX_ID_SIGNS, PATH_SEPARATOR


class PathIds:
    """Makes the ids of one file; raises TaxonomyError once they are longer together than any taxonomy's."""

    def __init__(self) -> None:
        self._left = MAX_ID_SIGNS

    def below(self, above: str | None, name: str) -> str:
        """The id of a node by that name under the node of the id `above`, or of a root, and its reference to it."""
        path = f"{above}{PATH_SEPARATOR}{name}" if above is not None else name
        self._count(len(path))
        return path

    def refer(self, node_id: str) -> None:
        """Count a reference that the file does not write out, as that of a child to what holds it."""
        self._count(len(node_id))

    def count(self, names: Sequence[str], known: int) -> None:
        """Count the paths to a node and those above it, but for the first `known`, without making them."""
        size = sum(map(len, names)) + len(PATH_SEPARATOR) * (len(names) - 1)
        for end in range(len(names), known, -1):
            self._count(size)
            size -= len(names[end - 1]) + len(PATH_SEPARATOR)

    def _count(self, signs: int) -> None:
        self._left -= signs
        if self._left < 0:
            raise TaxonomyError(f"paths of more than {MAX_ID_SIGNS} characters in all")
