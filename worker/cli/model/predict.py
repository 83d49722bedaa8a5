"""`cladist predict`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

import classifier
from classifier.errors import AssetError
from classifier.inference.prediction import DEFAULT_TOP, AssetPrediction
from taxonomy import PATH_SEPARATOR, Taxonomy, TaxonomyError, find_node
from worker.cli.model.pictures import BATCH_SIZE, image_files, predicted
from worker.cli.model.release import release_difference, release_option, tell_unreachable
from worker.cli.nodes import node_option, read_names
from worker.cli.options import file_type, json_option
from worker.cli.output import print_json, print_table, print_text
from worker.cli.progress import progress_bars
from worker.cli.taxonomy.differences import mapping_option
from worker.settings import read_settings


@click.command()
@click.argument("bundle", type=file_type)
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--decode",
    type=click.Choice(["best", "crm"]),
    default="best",
    show_default=True,
    help="Follow the path to the most probable node, or to that whose mistakes are expected to be the least far off.",
)
@click.option(
    "--top-k",
    type=click.IntRange(1, 1_000_000),
    default=DEFAULT_TOP,
    show_default=True,
    help="Nodes named for each level.",
)
@click.option("--under", metavar="NODE", help="Only this branch: probabilities given that it is one of its nodes.")
@click.option("--allow", multiple=True, metavar="NODE|@FILE", help="Only what lies under one of these nodes.")
@click.option("--block", multiple=True, metavar="NODE|@FILE", help="Nothing that lies under one of these nodes.")
@click.option("--report", multiple=True, metavar="NODE|@FILE", help="Tell this node's confidence whatever the path.")
@click.option(
    "--bin", "bins", multiple=True, metavar="NAME=NODE,NODE", help="Tell the confidence of these nodes together."
)
@release_option
@mapping_option
@json_option
def predict(
    *,
    bundle: Path,
    images: tuple[str, ...],
    decode: Literal["best", "crm"],
    top_k: int,
    under: str | None,
    allow: tuple[str, ...],
    block: tuple[str, ...],
    report: tuple[str, ...],
    bins: tuple[str, ...],
    taxonomy_file: Path | None,
    mappings: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Classify IMAGES with BUNDLE: files, folders of them, and patterns such as 'photos/**/*.jpg'.

    A file that cannot be classified is told on standard error; the others go on, and the exit code is 1.
    Nodes are given by id, path (A > B), name or alias; @FILE names one a line.
    """
    opened = classifier.read_bundle(bundle)
    known = opened.taxonomy
    options = classifier.DecodeOptions(
        decode,
        top_k,
        None if under is None else node_option(known, under, "--under"),
        _nodes(known, allow, "--allow"),
        _nodes(known, block, "--block"),
        _nodes(known, report, "--report"),
        _bins(known, bins),
    )
    difference = release_difference(opened, taxonomy_file, mappings)
    settings = read_settings()
    predictor = classifier.Predictor(
        opened,
        options=options,
        difference=difference,
        precision=settings.precision,
        limits=settings.decode_limits,
    )
    tell_unreachable(predictor.unreachable)
    files = image_files(images)
    failed_count = 0
    with progress_bars(hidden=len(files) <= BATCH_SIZE) as listen:
        for done, batch in predicted(predictor, files):
            failed_count += sum(isinstance(found, AssetError) for found in batch)
            for found in batch:
                _print_found(found, as_json=as_json)
            listen("predict", done, len(files), "")
    if failed_count:
        raise SystemExit(1)


def _nodes(taxonomy: Taxonomy, values: Sequence[str], option: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(node_option(taxonomy, name, option) for name in read_names(values, option)))


def _bins(taxonomy: Taxonomy, values: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """NAME=NODE,NODE; a name given again gets more nodes, and a node that is called something with a comma is one."""
    found: dict[str, tuple[str, ...]] = {}
    for value in values:
        name, _, nodes = (part.strip() for part in value.partition("="))
        if not (name and nodes):
            raise click.UsageError(f"--bin takes NAME=NODE,NODE, not {value!r}")
        found[name] = tuple(dict.fromkeys([*found.get(name, ()), *_listed(taxonomy, nodes)]))
    return found


def _listed(taxonomy: Taxonomy, nodes: str) -> list[str]:
    try:
        return [find_node(taxonomy, nodes).id]
    except TaxonomyError:
        return [node_option(taxonomy, part.strip(), "--bin") for part in nodes.split(",") if part.strip()]


def _print_found(found: AssetPrediction | AssetError, *, as_json: bool) -> None:
    if isinstance(found, AssetError):
        print_text(f"cladist: {found}", err=True)
    elif as_json:
        print_json(found.as_dict())
    else:
        _print_prediction(found)


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
    for node in prediction.reported or ():
        print_text(f"reported: {node.name} {node.confidence:.3f}")
    for name, share in (prediction.bins or {}).items():
        print_text(f"bin: {name} {share:.3f}")
    for decision in (prediction.decisions or ())[1:]:
        print_text(f"also: {PATH_SEPARATOR.join(decision.path)} ({decision.reason})")
    if prediction.partial:
        print_text("partial: the file is truncated")
    if prediction.frame is not None:
        print_text(f"frame: {prediction.frame}, of several in the file")
    print_text(f"decision: {PATH_SEPARATOR.join(prediction.decision.path) or 'none'} ({prediction.decision.reason})")
