"""`cladist evaluate`, `calibrate` and `predict`."""

from pathlib import Path

import click
import torch

from classifier.bundle import Bundle, read_bundle
from classifier.calibration import DEFAULT_TARGET_ACCURACY
from classifier.decision import AssetPrediction
from classifier.images import read_image_file
from classifier.learning import evaluate_bundle, recalibrate_bundle
from classifier.manifest import SPLITS, read_manifest
from classifier.report import evaluate_with_report
from classifier.runtime import Predictor
from taxonomy import PATH_SEPARATOR, read_taxonomy, release
from taxonomy.diff import Difference, diff
from worker.commands.difference import mapping_option, merged_mapping
from worker.commands.options import file_type, json_option, labels_option
from worker.terminal import print_json, print_metrics, print_table, progress_bars

_SHOWN = 5  # nodes that a note names before it counts the rest
_release_option = click.option(
    "--taxonomy", "taxonomy_file", type=file_type, help="Answer in this release; by default in the bundle's own."
)
_split_option = click.option("--split", type=click.Choice(SPLITS), required=True)


@click.command()
@click.argument("bundle", type=file_type)
@labels_option
@_split_option
@_release_option
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
    opened, other = read_bundle(bundle), read_bundle(against) if against else None
    difference = _difference(opened, taxonomy_file, mappings)
    manifest = read_manifest(labels, difference.after if difference else opened.taxonomy)
    with progress_bars(hidden=as_json) as progress:
        if report:
            metrics = evaluate_with_report(report, opened, manifest, split, other, progress)
        else:
            metrics = evaluate_bundle(opened, manifest.split(split), progress, difference)
    if as_json:
        print_json(metrics)
    else:
        print_metrics(metrics)


@click.command()
@click.argument("bundle", type=file_type)
@labels_option
@_split_option
@click.option(
    "--target-accuracy", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=DEFAULT_TARGET_ACCURACY
)
@json_option
def calibrate(*, bundle: Path, labels: Path, split: str, target_accuracy: float, as_json: bool) -> None:
    """Fit BUNDLE's temperature, and the depth of its decisions to a target accuracy."""
    opened = read_bundle(bundle)
    samples = read_manifest(labels, opened.taxonomy).split(split)
    with progress_bars(hidden=as_json) as progress:
        result = recalibrate_bundle(opened, samples, split, target_accuracy, progress)
    values = {**result.calibration.model_dump(), "model": result.model}
    if as_json:
        print_json(values)
    else:
        print_table(str(bundle), ("calibration", "value"), list(values.items()))


@click.command()
@click.argument("bundle", type=file_type)
@click.argument("images", type=file_type, nargs=-1, required=True)
@_release_option
@mapping_option
@json_option
def predict(
    *, bundle: Path, images: tuple[Path, ...], taxonomy_file: Path | None, mappings: tuple[Path, ...], as_json: bool
) -> None:
    """Classify IMAGES with BUNDLE."""
    opened = read_bundle(bundle)
    predictor = Predictor(opened, difference=_difference(opened, taxonomy_file, mappings))
    _tell_unreachable(predictor.unreachable)
    for image in images:
        pixels = predictor.pixels(read_image_file(image), str(image))
        (prediction,) = predictor.predict([str(image)], torch.stack([pixels]))
        if as_json:
            print_json(prediction.as_dict())
        else:
            _print_prediction(prediction)


def _difference(bundle: Bundle, taxonomy_file: Path | None, mappings: tuple[Path, ...]) -> Difference | None:
    """What changed from the bundle's release to the one of the file; None where that is the same."""
    if taxonomy_file is None:
        if mappings:
            raise click.UsageError("--mapping goes with --taxonomy")
        return None
    after = read_taxonomy(taxonomy_file)
    if release(after) == bundle.info.release:
        return None
    return diff(bundle.taxonomy, after, merged_mapping(mappings, bundle.taxonomy, after))


def _tell_unreachable(unreachable: tuple[str, ...]) -> None:
    if unreachable:
        more = f" and {len(unreachable) - _SHOWN} more" if len(unreachable) > _SHOWN else ""
        click.echo(f"nodes that the bundle cannot answer: {', '.join(unreachable[:_SHOWN])}{more}", err=True)


def _print_prediction(prediction: AssetPrediction) -> None:
    rows = [
        (
            label.level,
            label.name,
            label.confidence,
            ", ".join(f"{other.name} {other.confidence:.3f}" for other in label.alternatives),
        )
        for label in prediction.levels
    ]
    print_table(prediction.asset, ("level", "label", "confidence", "alternatives"), rows)
    click.echo(f"decision: {PATH_SEPARATOR.join(prediction.decision.path) or 'none'} ({prediction.decision.reason})")
