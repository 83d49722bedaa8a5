"""`cladist data`: look at labelled images before training on them."""

from pathlib import Path

import click

import classifier
from classifier.datacheck.balance import MIN_IMAGES
from classifier.datacheck.findings import counts, shortened
from classifier.errors import DataCheckError
from taxonomy import Taxonomy, read_taxonomy
from worker.cli.options import file_type, json_option
from worker.cli.output import print_json, print_table, print_text
from worker.cli.progress import progress_bars

_LIMIT = 20


@click.group()
def data() -> None:
    """Check labelled images."""


@data.command()
@click.argument("labels", type=file_type)
@click.option(
    "--taxonomy", "taxonomy_file", type=file_type, help="By default the bundle's, or the paths of the labels."
)
@click.option("--against", type=file_type, help="A folder of production images, or a CSV with a column `image`.")
@click.option("--bundle", type=file_type, help="A model through whose eyes to compare with --against as well.")
@click.option("--min-images", type=click.IntRange(2, 10**9), default=MIN_IMAGES, show_default=True,
              help="Training images below which a terminal is too fine for its data.")  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(1, 10**9), default=_LIMIT, show_default=True, help="Findings shown of a kind."
)
@click.option("--multi-label", is_flag=True, help="An image may carry several nodes, joined by | in the column node.")
@click.option("--strict", is_flag=True, help="Exit with 2 on any finding of severity error.")
@json_option
def check(
    *,
    labels: Path,
    taxonomy_file: Path | None,
    against: Path | None,
    bundle: Path | None,
    min_images: int,
    limit: int,
    multi_label: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Check every row and image of LABELS: what is unreadable, doubled, unlabelled, too thin or unlike production."""
    if bundle and not against:
        raise click.UsageError("--bundle looks at a production sample: give --against too")
    opened = classifier.read_bundle(bundle) if bundle else None
    read = _taxonomy(labels, taxonomy_file) if taxonomy_file or not opened else opened.taxonomy
    with progress_bars(hidden=as_json) as progress:
        found = classifier.check_labels(
            labels,
            read,
            against=against,
            bundle=opened,
            min_images=min_images,
            multi_label=multi_label,
            progress=progress,
        )
    if as_json:
        print_json(found.as_dict(limit))
    else:
        _print_check(labels, found, limit)
    if strict and found.errors:
        kinds = ", ".join(f"{kind} {count}" for kind, count in counts(found.errors).items())
        raise DataCheckError(f"findings of severity error: {kinds}", source=labels)


def _taxonomy(labels: Path, taxonomy_file: Path | None) -> Taxonomy:
    return read_taxonomy(taxonomy_file or labels, None if taxonomy_file else "labels-csv")


def _print_check(labels: Path, found: "classifier.Check", limit: int) -> None:
    shown = shortened(found.findings, limit)
    rows = [(finding.severity, finding.kind, finding.where, finding.what) for finding in shown]
    if rows:
        print_table(f"{labels}: {found.images} images", ("severity", "kind", "where", "what"), rows)
    else:
        print_text(f"{labels}: {found.images} images, nothing found")
    for kind, count in counts(found.findings).items():
        if count > limit:
            print_text(f"{kind}: {limit} of {count} shown; --limit shows more")
