"""Taxonomies as an outline: a bullet a node, two spaces deeper for each level; a node's id is its path."""

import re

from taxonomy import PATH_SEPARATOR, Node, Taxonomy, TaxonomyError

_BULLET = re.compile(r"(?P<indent>(  )*)\* (?P<name>\S.*)")


class OutlineFormat:
    """Read and write outlines; made once, and kept as FORMAT."""

    name = "outline"

    def detect(self, text: str) -> bool:
        """Whether every line that is not blank is a bullet."""
        lines = [line for line in text.splitlines() if line.strip()]
        return bool(lines) and all(_BULLET.fullmatch(line) for line in lines)

    def parse(self, text: str, source: str) -> Taxonomy:
        """Build the taxonomy. Raises TaxonomyError on a line that is no bullet, or two levels deeper than the last."""
        nodes, above = [], list[str]()
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            found = _BULLET.fullmatch(line)
            if found is None or len(found["indent"]) // 2 > len(above):
                raise TaxonomyError("not `* NAME`, at most two spaces deeper than above", source=source, line=number)
            del above[len(found["indent"]) // 2 :]
            parents = (PATH_SEPARATOR.join(above),) if above else ()
            above.append(found["name"])
            nodes.append(Node(PATH_SEPARATOR.join(above), found["name"], parents, line=number))
        return Taxonomy(nodes, source)

    def write(self, taxonomy: Taxonomy) -> str:
        """The outline. Raises TaxonomyError where a node has several parents, which an outline cannot say."""
        lines = list[str]()
        pending = [(node, 0) for node in reversed(taxonomy.roots)]
        while pending:
            node, indent = pending.pop()
            if len(node.parents) > 1:
                raise TaxonomyError(f"{node.id!r} has several parents; an outline has one")
            lines.append(f"{'  ' * indent}* {node.name}")
            pending += [(child, indent + 1) for child in reversed(taxonomy.children(node.id))]
        return "\n".join(lines) + "\n"


FORMAT = OutlineFormat()
