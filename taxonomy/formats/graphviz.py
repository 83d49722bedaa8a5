"""Graphviz DOT, for pictures; written, not read."""

from taxonomy.formats.protocol import TextFormat
from taxonomy.graph import Taxonomy


def write(taxonomy: Taxonomy) -> str:
    """A digraph from the roots to the right; assignable nodes are bold, deprecated ones grey, parts dashed."""
    lines = ["digraph taxonomy {", "  rankdir=LR;", "  node [shape=box, style=rounded, fontname=Helvetica];"]
    for node in taxonomy:
        marks = ", style=bold" if node.assignable else ", color=gray, fontcolor=gray" if node.deprecated else ""
        lines.append(f"  {_quoted(node.id)} [label={_quoted(node.name)}{marks}];")
        lines += [f"  {_quoted(parent)} -> {_quoted(node.id)};" for parent in node.parents]
        lines += [f"  {_quoted(whole)} -> {_quoted(node.id)} [style=dashed, label=part];" for whole in node.part_of]
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


FORMAT = TextFormat("graphviz", writer=write)
