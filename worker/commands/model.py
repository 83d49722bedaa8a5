"""`cladist train` and `evaluate`."""

from pathlib import Path

import click

from classifier.bundle import read_bundle
from classifier.config import TrainingConfig
from classifier.learning import evaluate_bundle, train_bundle
from classifier.manifest import read_manifest
from classifier.report import evaluate_with_report
from taxonomy import read_taxonomy
from worker.commands.options import file_type, json_option, labels_option, split_option
from worker.terminal import print_json, print_metrics, progress_bars

_DEFAULTS = TrainingConfig()


@click.command()
@labels_option
@click.option("--taxonomy", "taxonomy_file", type=file_type, help="By default the paths of the labels are it.")
@click.option("--out", type=file_type, required=True, help="The bundle to make.")
@click.option("--backbone", help=f"A timm name. [default: {_DEFAULTS.backbone}]")
@click.option("--checkpoint", type=file_type, help="Local weights to start the backbone from.")
@click.option("--epochs", type=click.IntRange(min=1), help=f"[default: {_DEFAULTS.epochs}]")
@click.option("--image-size", type=click.IntRange(32, 1024), help=f"In pixels. [default: {_DEFAULTS.image_size_px}]")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help=f"[default: {_DEFAULTS.seed}]")
@click.option("--fast", is_flag=True, help="The recipe for a laptop: fewer epochs of smaller images.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help=f"Any other part of the recipe, as often as you like: {', '.join(TrainingConfig.model_fields)}.",
)
@click.option("--resume", is_flag=True, help="Go on with a training that was interrupted.")
@json_option
def train(
    *,
    labels: Path,
    taxonomy_file: Path | None,
    out: Path,
    backbone: str | None,
    checkpoint: Path | None,
    epochs: int | None,
    image_size: int | None,
    seed: int | None,
    fast: bool,
    options: tuple[str, ...],
    resume: bool,
    as_json: bool,
) -> None:
    """Train a bundle, calibrate it and measure it on the val split."""
    named = {"backbone": backbone, "epochs": epochs, "image_size_px": image_size, "seed": seed}
    chosen = {name: value for name, value in named.items() if value is not None}
    config = (TrainingConfig.fast() if fast else _DEFAULTS).changed({**_parsed(options), **chosen})
    read = read_taxonomy(taxonomy_file or labels, None if taxonomy_file else "labels-csv")
    manifest = read_manifest(labels, read)
    with progress_bars(hidden=as_json) as progress:
        made = train_bundle(manifest, read, out, config, checkpoint=checkpoint, resume=resume, progress=progress)
    if as_json:
        print_json({"bundle": str(made.folder), "model": made.model, "release": made.info.release})
    else:
        click.echo((made.folder / "MODEL_CARD.md").read_text(encoding="utf-8"))


@click.command()
@click.argument("bundle", type=file_type)
@labels_option
@split_option
@click.option("--report", type=file_type, help="A folder for report.html and its pictures.")
@click.option("--against", type=file_type, help="Another bundle, to be drawn beside it in the report.")
@json_option
def evaluate(
    *, bundle: Path, labels: Path, split: str, report: Path | None, against: Path | None, as_json: bool
) -> None:
    """Measure BUNDLE on a split of labelled images."""
    if against and not report:
        raise click.UsageError("--against is drawn in a report: give --report too")
    opened, other = read_bundle(bundle), read_bundle(against) if against else None
    manifest = read_manifest(labels, opened.taxonomy)
    with progress_bars(hidden=as_json) as progress:
        if report:
            metrics = evaluate_with_report(report, opened, manifest, split, other, progress)
        else:
            metrics = evaluate_bundle(opened, manifest.split(split), progress)
    if as_json:
        print_json(metrics)
    else:
        print_metrics(metrics)


def _parsed(options: tuple[str, ...]) -> dict[str, str]:
    pairs = [option.partition("=") for option in options]
    for name, sign, value in pairs:
        if not (name and sign and value):
            raise click.UsageError(f"--option takes NAME=VALUE, not {name + sign + value!r}")
    return {name.strip(): value.strip() for name, _, value in pairs}
