"""Taxonomies as a numbered list: `1.2 Bird` is a child of `1 Animal`; a node's id is its number."""

import re

from taxonomy import Node, Taxonomy, TaxonomyError

_LINE = re.compile(r"(?P<number>\d+(\.\d+)*) (?P<name>\S.*)")


class NumberedFormat:
    """Read and write numbered lists; made once, and kept as FORMAT."""

    name = "numbered"

    def detect(self, text: str) -> bool:
        """Whether every line that is not blank begins with a number."""
        lines = [line for line in text.splitlines() if line.strip()]
        return bool(lines) and all(_LINE.fullmatch(line) for line in lines)

    def parse(self, text: str, source: str) -> Taxonomy:
        """Build the taxonomy. Raises TaxonomyError on a line without a number, and on a number without a parent."""
        nodes = []
        for place, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            found = _LINE.fullmatch(line)
            if found is None:
                raise TaxonomyError("not `NUMBER NAME`", source=source, line=place)
            above = found["number"].rpartition(".")[0]
            nodes.append(Node(found["number"], found["name"], (above,) if above else (), line=place))
        return Taxonomy(nodes, source)

    def write(self, taxonomy: Taxonomy) -> str:
        """The list, numbered anew. Raises TaxonomyError where a node has several parents, which numbers cannot say."""
        lines = list[str]()
        pending = [(node, str(place)) for place, node in reversed([*enumerate(taxonomy.roots, 1)])]
        while pending:
            node, number = pending.pop()
            if len(node.parents) > 1:
                raise TaxonomyError(f"{node.id!r} has several parents; a number has one")
            lines.append(f"{number} {node.name}")
            children = [*enumerate(taxonomy.children(node.id), 1)]
            pending += [(child, f"{number}.{place}") for place, child in reversed(children)]
        return "\n".join(lines) + "\n"


FORMAT = NumberedFormat()
