"""The options of commands that let a bundle answer in another release than its own."""

from pathlib import Path

import click

import classifier
from taxonomy import read_taxonomy, release
from taxonomy.changes.diff import Difference, diff
from taxonomy.errors import some_of
from worker.cli.options import file_type
from worker.cli.output import print_text
from worker.cli.taxonomy.differences import merged_mapping

_SHOWN = 5  # nodes that a note names before it counts the rest

release_option = click.option(
    "--taxonomy", "taxonomy_file", type=file_type, help="Answer in this release; by default in the bundle's own."
)


def release_difference(
    bundle: "classifier.Bundle", taxonomy_file: Path | None, mappings: tuple[Path, ...]
) -> Difference | None:
    """What changed from the bundle's release to the one of the file; None where that is the same."""
    if taxonomy_file is None:
        if mappings:
            raise click.UsageError("--mapping goes with --taxonomy")
        return None
    after = read_taxonomy(taxonomy_file)
    if release(after) == bundle.info.release:
        return None
    return diff(bundle.taxonomy, after, merged_mapping(mappings, bundle.taxonomy, after))


def tell_unreachable(unreachable: tuple[str, ...]) -> None:
    """Name, on standard error, the nodes that the bundle cannot answer."""
    if unreachable:
        print_text(f"nodes that the bundle cannot answer: {some_of(unreachable, _SHOWN)}", err=True)
