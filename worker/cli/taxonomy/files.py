"""`cladist taxonomy check`, `show` and `convert`, of files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from taxonomy import Hierarchy, Taxonomy, read_taxonomy
from taxonomy.errors import first_line
from taxonomy.formats.reading import inspect_taxonomy, write_taxonomy
from worker.cli.options import file_type, json_option
from worker.cli.output import print_file, print_json, print_table, print_text

_format_option = click.option(
    "--format", "format_name", metavar="NAME", help="The format, when it is not to be detected."
)


@click.command()
@click.argument("file", type=file_type)
@_format_option
@json_option
def check(*, file: Path, format_name: str | None, as_json: bool) -> None:
    """Say whether FILE is a sound taxonomy, and count what it holds."""
    reading = inspect_taxonomy(file, format_name)
    read, hierarchy = reading.taxonomy, Hierarchy.compile(reading.taxonomy)
    counts: dict[str, Any] = {
        "nodes": len(read),
        "edges": len(hierarchy.edges),
        "roots": len(read.roots),
        "leaves": len(read.leaves),
        "levels": hierarchy.depth,
        "release": hierarchy.release,
    }
    if as_json:
        print_json({**counts, "format": reading.format, "warnings": list(reading.warnings)})
        return
    print_table(str(file), ("what", "count"), list({**counts, "format": reading.format}.items()))
    for warning in reading.warnings:
        print_text(f"warning: {warning}", err=True)


@click.command()
@click.argument("file", type=file_type)
@_format_option
@click.option("--levels", type=click.IntRange(1, 1_000_000), help="Show this many levels only.")
def show(*, file: Path, format_name: str | None, levels: int | None) -> None:
    """Show FILE as an indented tree; the count after a node is that of the terminals below it."""
    read = read_taxonomy(file, format_name)
    for line in tree_lines(read, levels):
        print_text(line)


@click.command()
@click.argument("file", type=file_type)
@_format_option
@click.option(
    "--to", default="canonical-json", show_default=True, help="canonical-json, csv, skos-turtle, graphviz, html."
)
@click.option("--out", type=file_type, help="The file to write; standard output when left out.")
def convert(*, file: Path, format_name: str | None, to: str, out: Path | None) -> None:
    """Write FILE in another format."""
    text = write_taxonomy(read_taxonomy(file, format_name), to)
    if not text.endswith("\n"):
        text += "\n"
    if out is None:
        print_file(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(out), first_line(error)) from None


def tree_lines(read: Taxonomy, levels: int | None = None) -> Iterator[str]:
    """Yield a line a node, children under their parent; a node met before is named, not unfolded again."""
    hierarchy = Hierarchy.compile(read)
    pending = [(node, 0) for node in sorted(read.roots, key=lambda node: node.name, reverse=True)]
    unfolded: set[str] = set()
    while pending:
        node, indent = pending.pop()
        children = read.children(node.id)
        count = int(hierarchy.terminal_counts[hierarchy.index[node.id]])
        note = f"  ({count})" if children else ""
        again = node.id in unfolded
        yield f"{'  ' * indent}{node.name}{note}{'  (as above)' if again and children else ''}"
        if not again and (levels is None or indent + 1 < levels):
            pending.extend((child, indent + 1) for child in reversed(children))
        unfolded.add(node.id)
