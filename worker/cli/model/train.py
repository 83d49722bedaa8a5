"""`cladist train`."""

from pathlib import Path

import click

import classifier
from classifier.config import TrainingConfig, names_weights
from taxonomy import Taxonomy, read_taxonomy
from taxonomy.changes.diff import Difference, diff
from worker.cli.model.options import labels_option
from worker.cli.options import file_type, json_option
from worker.cli.output import print_json, print_text
from worker.cli.progress import progress_bars
from worker.cli.taxonomy.differences import mapping_option, merged_mapping

_DEFAULTS = TrainingConfig()


@click.command()
@labels_option
@click.option("--taxonomy", "taxonomy_file", type=file_type, help="By default the paths of the labels are it.")
@click.option("--out", type=file_type, required=True, help="The bundle to make.")
@click.option("--backbone", help=f"A timm name. [default: {_DEFAULTS.backbone}]")
@click.option("--from", "start", type=file_type, help="A bundle to train on, gently; perhaps of another release.")
@mapping_option
@click.option("--checkpoint", type=file_type, help="Local weights to start the backbone from, gently.")
@click.option("--epochs", type=click.IntRange(1, 100_000), help=f"[default: {_DEFAULTS.epochs}]")
@click.option("--image-size", type=click.IntRange(32, 1024), help=f"In pixels. [default: {_DEFAULTS.image_size_px}]")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help=f"[default: {_DEFAULTS.seed}]")
@click.option("--multi-label", is_flag=True, help="An image may carry several nodes, joined by | in the column node.")
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
    start: Path | None,
    mappings: tuple[Path, ...],
    checkpoint: Path | None,
    epochs: int | None,
    image_size: int | None,
    seed: int | None,
    multi_label: bool,
    fast: bool,
    options: tuple[str, ...],
    resume: bool,
    as_json: bool,
) -> None:
    """Train a bundle, calibrate it and measure it on the val split."""
    parts = _parsed(options)
    read = read_taxonomy(taxonomy_file or labels, None if taxonomy_file else "labels-csv")
    begun = _start(start, read, mappings, has_other_weights=bool(backbone or checkpoint))
    mode = "multi" if multi_label else None
    named = {"mode": mode, "backbone": backbone, "epochs": epochs, "image_size_px": image_size, "seed": seed}
    chosen = {name: value for name, value in named.items() if value is not None}
    recipe = TrainingConfig.fast() if fast else begun[0].info.training if begun else _DEFAULTS
    if begun or checkpoint or names_weights(backbone or parts.get("backbone", "")):
        recipe = recipe.from_weights()
    config = recipe.changed({**parts, **chosen, "warm_start": begun[0].model if begun else ""})
    if begun and config.head_width != begun[0].info.training.head_width:
        raise click.UsageError("--from brings the heads along: leave head_width as it is")
    if begun and config.mode != begun[0].info.mode:
        raise click.UsageError(f"--from: {begun[0].folder} is of the mode {begun[0].info.mode!r}, not {config.mode!r}")
    manifest = classifier.read_manifest(labels, read, multi_label=classifier.MODES[config.mode].several_labels)
    with progress_bars(hidden=as_json) as progress:
        made = classifier.train_bundle(
            manifest, read, out, config, checkpoint=checkpoint, start=begun, resume=resume, progress=progress
        )
    if as_json:
        print_json({"bundle": str(made.folder), "model": made.model, "release": made.info.release})
    else:
        print_text((made.folder / "MODEL_CARD.md").read_text(encoding="utf-8"))


def _start(
    folder: Path | None, read: Taxonomy, mappings: tuple[Path, ...], *, has_other_weights: bool
) -> "tuple[classifier.Bundle, Difference] | None":
    """The bundle to begin with and what changed since; None without one."""
    if folder is None:
        if mappings:
            raise click.UsageError("--mapping goes with --from")
        return None
    if has_other_weights:
        raise click.UsageError("--from brings backbone and weights along: leave --backbone and --checkpoint out")
    bundle = classifier.read_bundle(folder)
    return bundle, diff(bundle.taxonomy, read, merged_mapping(mappings, bundle.taxonomy, read))


def _parsed(options: tuple[str, ...]) -> dict[str, str]:
    pairs = [option.partition("=") for option in options]
    for name, sign, value in pairs:
        if not (name and sign and value):
            raise click.UsageError(f"--option takes NAME=VALUE, not {name + sign + value!r}")
    return {name.strip(): value.strip() for name, _, value in pairs}
