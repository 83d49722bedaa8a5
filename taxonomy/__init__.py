"""The taxonomy, pure: graph, compiled arrays, releases, file formats and changes; no torch, no SQL, no network.

`import taxonomy` is light: what needs networkx or scipy is imported when it is asked for.
"""

from typing import TYPE_CHECKING

from taxonomy.errors import CladistError, TaxonomyError
from taxonomy.lazy_names import lazy_names
from taxonomy.release import canonical_json, release  # at once: the function has the name of its module

if TYPE_CHECKING:
    from taxonomy.changes.diff import Change, ChangeKind, Difference, diff
    from taxonomy.changes.mapping import NO_MAPPING, NodeMapping, read_mapping
    from taxonomy.formats.protocol import Format, TextFormat
    from taxonomy.formats.reading import read_taxonomy, write_taxonomy
    from taxonomy.formats.registry import format_names
    from taxonomy.graph import PATH_SEPARATOR, Node, Taxonomy
    from taxonomy.hierarchy import Hierarchy
    from taxonomy.lookup import find_node
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "changes.diff": ("Change", "ChangeKind", "Difference", "diff"),
            "changes.mapping": ("NO_MAPPING", "NodeMapping", "read_mapping"),
            "formats.protocol": ("Format", "TextFormat"),
            "formats.reading": ("read_taxonomy", "write_taxonomy"),
            "formats.registry": ("format_names",),
            "graph": ("PATH_SEPARATOR", "Node", "Taxonomy"),
            "hierarchy": ("Hierarchy",),
            "lookup": ("find_node",),
        },
    )

__all__ = [
    "NO_MAPPING",
    "PATH_SEPARATOR",
    "Change",
    "ChangeKind",
    "CladistError",
    "Difference",
    "Format",
    "Hierarchy",
    "Node",
    "NodeMapping",
    "Taxonomy",
    "TaxonomyError",
    "TextFormat",
    "canonical_json",
    "diff",
    "find_node",
    "format_names",
    "read_mapping",
    "read_taxonomy",
    "release",
    "write_taxonomy",
]
