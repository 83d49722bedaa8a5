"""`cladist taxonomy diff`, and the option that names mapping files."""

from pathlib import Path

import click

from taxonomy import PATH_SEPARATOR, Taxonomy, read_taxonomy
from taxonomy.changes.diff import Change, ChangeKind, Difference
from taxonomy.changes.diff import diff as find_difference
from taxonomy.changes.mapping import NO_MAPPING, NodeMapping, read_mapping
from worker.cli.options import file_type, json_option
from worker.cli.output import print_json, print_table

_SHOWN = 40

mapping_option = click.option(
    "--mapping", "mappings", type=file_type, multiple=True, help="A file that says where old nodes went."
)


def merged_mapping(files: tuple[Path, ...], before: Taxonomy, after: Taxonomy) -> NodeMapping:
    """What all mapping files say; where two speak of one node the later file is believed."""
    targets = dict(NO_MAPPING.targets)
    for file in files:
        targets.update(read_mapping(file, before, after).targets)
    return NodeMapping(targets)


@click.command()
@click.argument("before", type=file_type)
@click.argument("after", type=file_type)
@mapping_option
@click.option("--all", "show_all", is_flag=True, help=f"List every change, not the first {_SHOWN} of each kind.")
@json_option
def diff(*, before: Path, after: Path, mappings: tuple[Path, ...], show_all: bool, as_json: bool) -> None:
    """Sort every node of the files BEFORE and AFTER by what became of it."""
    old, new = read_taxonomy(before), read_taxonomy(after)
    difference = find_difference(old, new, merged_mapping(mappings, old, new))
    if as_json:
        print_json(difference.as_dict())
        return
    print_table(f"{before.name} -> {after.name}", ("change", "nodes"), list(difference.counts.items()))
    for kind in ChangeKind:
        changes = [change for change in difference.changes if change.kind is kind]
        if changes and kind is not ChangeKind.UNCHANGED:
            _print_changes(difference, kind, changes if show_all else changes[:_SHOWN], len(changes))


def _print_changes(difference: Difference, kind: ChangeKind, changes: list[Change], total: int) -> None:
    rows = [
        (
            change.old or change.new[0],
            PATH_SEPARATOR.join(difference.old_path(change) or []),
            "; ".join(PATH_SEPARATOR.join(path) for path in difference.new_paths(change)),
            change.by and f"{change.by} ({change.certainty:g})",
        )
        for change in changes
    ]
    more = f", the first {len(changes)} shown (--all shows all)" if len(changes) < total else ""
    print_table(f"{kind.value}: {total}{more}", ("id", "before", "after", "matched by"), rows)
