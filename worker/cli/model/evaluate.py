"""`cladist evaluate`."""

from pathlib import Path

import click

import classifier
from worker.cli.model.options import labels_option, split_option
from worker.cli.model.release import release_difference, release_option
from worker.cli.options import file_type, json_option
from worker.cli.output import print_json, print_metrics
from worker.cli.progress import progress_bars
from worker.cli.taxonomy.differences import mapping_option


@click.command()
@click.argument("bundle", type=file_type)
@labels_option
@split_option
@release_option
@mapping_option
@click.option("--report", type=file_type, help="A folder for report.html and its pictures.")
@click.option("--against", type=file_type, help="Another bundle, to be drawn beside it in the report.")
@json_option
def evaluate(
    *,
    bundle: Path,
    labels: Path,
    split: str,
    taxonomy_file: Path | None,
    mappings: tuple[Path, ...],
    report: Path | None,
    against: Path | None,
    as_json: bool,
) -> None:
    """Measure BUNDLE on a split of labelled images."""
    if report and taxonomy_file:
        raise click.UsageError("a report speaks of the bundle's own release: leave --taxonomy or --report out")
    if against and not report:
        raise click.UsageError("--against is drawn in a report: give --report too")
    opened, other = classifier.read_bundle(bundle), classifier.read_bundle(against) if against else None
    difference = release_difference(opened, taxonomy_file, mappings)
    known = difference.after if difference else opened.taxonomy
    manifest = classifier.read_manifest(labels, known, multi_label=opened.strategy.several_labels)
    with progress_bars(hidden=as_json) as progress:
        if report:
            metrics = classifier.evaluate_with_report(report, opened, manifest, split, other, progress)
        else:
            metrics = classifier.evaluate_bundle(opened, manifest.split(split), progress, difference)
    if as_json:
        print_json(metrics.as_dict())
    else:
        print_metrics(metrics.as_dict())
