"""`cladist calibrate`."""

from pathlib import Path
from typing import Any

import click

import classifier
from classifier.bundles.calibration import DEFAULT_TARGET_ACCURACY, Calibration, Guarantee, ReviewPlan
from classifier.calibration.out_of_distribution import DEFAULT_FALSE_ALARMS
from taxonomy import Taxonomy
from worker.cli.model.options import labels_option, split_option
from worker.cli.nodes import node_numbers
from worker.cli.options import FiniteRange, file_type, json_option
from worker.cli.output import print_json, print_table, print_text
from worker.cli.progress import progress_bars


@click.command()
@click.argument("bundle", type=file_type)
@labels_option
@split_option
@click.option(
    "--target-accuracy",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    default=DEFAULT_TARGET_ACCURACY,
    show_default=True,
    help="The share of right decisions.",
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="NODE=ACCURACY",
    help="Another target for the assets under a node, as often as you like: --target Weapons=0.99.",
)
@click.option(
    "--guarantee",
    type=click.Choice(["decisions", "images"]),
    default="decisions",
    show_default=True,
    help="What the target is a share of: the decisions made, or all images, undecided ones counting as not wrong.",
)
@click.option(
    "--false-alarms",
    type=FiniteRange(0, 1, max_open=True),
    default=DEFAULT_FALSE_ALARMS,
    show_default=True,
    help="Share of known images that may look like nothing in the taxonomy; 0 leaves the check out.",
)
@click.option("--reviews-per-day", type=FiniteRange(0, 1e9), help="How many assets people can look at.")
@click.option("--assets-per-day", type=FiniteRange(0, 1e12, min_open=True), help="How many assets come in.")
@click.option(
    "--review-cost",
    "review_costs",
    multiple=True,
    metavar="NODE=COST",
    help="What a wrong decision under a node costs, others costing 1.",
)
@json_option
def calibrate(
    *,
    bundle: Path,
    labels: Path,
    split: str,
    target_accuracy: float,
    targets: tuple[str, ...],
    guarantee: Guarantee,
    false_alarms: float,
    reviews_per_day: float | None,
    assets_per_day: float | None,
    review_costs: tuple[str, ...],
    as_json: bool,
) -> None:
    """Fit BUNDLE's temperatures, the depth of its decisions to target accuracies, and the check for strange images.

    With a budget of reviews it also finds which decisions people should look at.
    """
    opened = classifier.read_bundle(bundle)
    options = classifier.CalibrationOptions(
        target_accuracy,
        guarantee,
        node_numbers(opened.taxonomy, targets, "--target"),
        false_alarms,
        _budget(opened.taxonomy, reviews_per_day, assets_per_day, review_costs),
    )
    manifest = classifier.read_manifest(labels, opened.taxonomy, multi_label=opened.strategy.several_labels)
    samples = manifest.split(split)
    with progress_bars(hidden=as_json) as progress:
        result = classifier.recalibrate_bundle(opened, samples, split, options, progress)
    if as_json:
        print_json({**result.calibration.model_dump(), "model": result.model})
        return
    print_table(str(bundle), ("calibration", "value"), [*_rows(result.calibration), ("model", result.model)])
    if result.calibration.review is not None:
        print_text(_plan_line(result.calibration.review))


def _budget(
    taxonomy: Taxonomy, reviews_per_day: float | None, assets_per_day: float | None, review_costs: tuple[str, ...]
) -> "classifier.ReviewBudget | None":
    if reviews_per_day is None and assets_per_day is None and not review_costs:
        return None
    if reviews_per_day is None or assets_per_day is None:
        raise click.UsageError("a review budget needs both --reviews-per-day and --assets-per-day")
    return classifier.ReviewBudget(
        reviews_per_day, assets_per_day, node_numbers(taxonomy, review_costs, "--review-cost")
    )


def _rows(calibration: Calibration) -> list[tuple[str, Any]]:
    """What is calibrated, one line a value; what has parts, one line a part."""
    rows: list[tuple[str, Any]] = []
    parts = {"subtrees", "energy", "review", "level_temperatures", "entropy"}
    for name, value in calibration.model_dump(exclude=parts).items():
        rows.append((name, value))
    rows += [(f"temperature of level {level}", value) for level, value in enumerate(calibration.level_temperatures, 1)]
    if calibration.entropy is not None:
        rows.append(("temperature by entropy H", str(calibration.entropy)))
    for part in calibration.subtrees:
        found = f"threshold {part.threshold:.3f} for {part.target_accuracy}, from {part.samples} samples"
        rows.append((f"under {part.node}", found))
    if calibration.energy is not None:
        rows.append(("energy limit", calibration.energy.limit))
    return rows


def _plan_line(plan: ReviewPlan) -> str:
    own = "".join(f", {part.threshold:.3f} under {part.node}" for part in plan.subtrees)
    beyond = plan.beyond_budget_per_day
    left = f"; {beyond:.0f} a day stay undecided, for which no review is left" if beyond else ""
    return (
        f"reviews: decisions below {plan.threshold:.3f}{own} go to people: {plan.reviews_per_day:.0f} of "
        f"{plan.assets_per_day:.0f} assets a day (budget {plan.budget_per_day:.0f}); of the others "
        f"{plan.coverage:.3f} of all are decided, {plan.accuracy:.3f} of them rightly{left}"
    )
