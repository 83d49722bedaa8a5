"""The taxonomy: a pure graph of nodes, its compiled arrays, its release and its file formats."""

from taxonomy.errors import CladistError, TaxonomyError
from taxonomy.formats.reading import read_taxonomy
from taxonomy.graph import PATH_SEPARATOR, Node, Taxonomy
from taxonomy.hierarchy import Hierarchy
from taxonomy.release import canonical_json, release

__all__ = [
    "PATH_SEPARATOR",
    "CladistError",
    "Hierarchy",
    "Node",
    "Taxonomy",
    "TaxonomyError",
    "canonical_json",
    "read_taxonomy",
    "release",
]
