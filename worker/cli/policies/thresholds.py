"""`cladist policy thresholds`."""

import json
from pathlib import Path

import click

import classifier
from taxonomy import CladistError
from worker.cli.options import file_type
from worker.cli.output import print_file
from worker.policies.review_thresholds import review_thresholds


@click.command()
@click.argument("bundle", type=file_type)
def thresholds(*, bundle: Path) -> None:
    """Print the `thresholds` of a policy that spend BUNDLE's review budget as its plan says.

    The plan is that of `cladist calibrate --reviews-per-day`; the lines are YAML, to be put into a policy document.
    """
    opened = classifier.read_bundle(bundle)
    plan = opened.calibration.review
    if plan is None:
        raise CladistError("has no review plan: run `cladist calibrate --reviews-per-day`", source=str(bundle))
    told = (
        f"# {plan.reviews_per_day:.0f} of {plan.assets_per_day:.0f} assets a day go to people (budget "
        f"{plan.budget_per_day:.0f}), {plan.coverage:.3f} of all are decided, {plan.accuracy:.3f} of them rightly"
    )
    values = review_thresholds(opened.taxonomy, plan)
    lines = [told, "thresholds:", *(f"  {json.dumps(name)}: {value:.6g}" for name, value in values.items())]
    print_file("\n".join(lines) + "\n")
