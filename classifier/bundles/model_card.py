"""The model card: what a person reads of a bundle."""

from classifier.bundles.calibration import Calibration, Guarantee
from classifier.bundles.info import BundleInfo
from classifier.bundles.metrics import LabelSetMetrics, Metrics
from classifier.outputs.modes import MODES
from taxonomy import Taxonomy


def model_card(info: BundleInfo, taxonomy: Taxonomy, calibration: Calibration, split: str, metrics: Metrics) -> str:
    """Markdown: what the model is, how it was measured, and how far to trust it."""
    levels = "\n".join(
        f"| {row.level} | {row.nodes} | {row.top1:.3f} | {row.top5:.3f} | {row.macro_top1:.3f} "
        f"| {row.ece:.3f} | {row.ece_by_chance:.3f} |"
        for row in metrics.levels
    )
    note = MODES[info.mode].card_note
    mode = f" {note}" if note else ""
    return f"""# {info.backbone} on taxonomy {info.release[:12]}

A hierarchical classifier made with Cladist: {len(taxonomy)} nodes, {len(taxonomy.leaves)} leaves,
{len(metrics.levels)} levels; images of {info.image_size_px} px; trained for {info.training.epochs} epochs with
seed {info.training.seed}.{mode} Probabilities are coherent: no node is more probable than a parent of it.

## Measured on the split `{split}` ({metrics.samples} images)

Full-path accuracy {metrics.full_path_accuracy:.3f}, hierarchical F1 {metrics.hierarchical_f1:.3f}.
{_label_sets(metrics.label_sets)}
| level | nodes | top-1 | top-5 | macro top-1 | ECE | ECE by chance |
|---|---|---|---|---|---|---|
{levels}

ECE by chance is what a model whose confidences are true would have on so many images, on average.

## Calibration and decision depth

{_temperatures(calibration)} from {calibration.samples} images of `{calibration.split}`.
{_depth(calibration)}{_energy(calibration)}{_review(calibration)}

The split that measures here may be the one that calibrated: use `cladist evaluate` on images that neither training nor
calibration has seen before you rely on a figure. The guarantee of the decision depth holds for images drawn from the
same source as the calibration images, on average over calibration sets, and not for each node by itself.
"""


def _label_sets(sets: LabelSetMetrics | None) -> str:
    if sets is None:
        return ""
    return (
        f"\nLabel sets: AU(PRC) {sets.micro_auprc:.3f}; of the decided nodes a share of {sets.precision:.3f} is "
        f"right, of the true ones a share of {sets.recall:.3f} is decided. An image counts as rightly decided when "
        "none of its decided nodes is wrong.\n"
    )


def _temperatures(calibration: Calibration) -> str:
    found = f"Temperature {calibration.temperature:.3f}"
    if calibration.level_temperatures:
        by_level = ", ".join(f"{temperature:.3f}" for temperature in calibration.level_temperatures)
        found = (
            f"Temperatures by level {by_level} (better on held-out images than {calibration.temperature:.3f} for all)"
        )
    return found if calibration.entropy is None else f"{found}, then {calibration.entropy} by the entropy H,"


def _depth(calibration: Calibration) -> str:
    if calibration.threshold is None or calibration.target_accuracy is None:
        return "No decision threshold: there were too few images for the target."
    own = "".join(
        f" Images whose best terminal lies under `{part.node}` have a target of their own, {part.target_accuracy:.3g}, "
        f"and the threshold {part.threshold:.3f}, from {part.samples} images; the promise holds for them by themselves."
        for part in calibration.subtrees
    )
    return (
        f"Decisions stop at the deepest node of at least {calibration.threshold:.3f}, so that "
        f"{promise(calibration.guarantee, calibration.target_accuracy)}{own}"
    )


def promise(guarantee: Guarantee, target_accuracy: float) -> str:
    """What a threshold promises, in words; the precise statement is that of `classifier.calibration.thresholds`."""
    if guarantee == "images":
        return (
            f"at most a share of {1 - target_accuracy:.3g} of all images get a wrong one; images left undecided count "
            "as not wrong."
        )
    return (
        f"of the decisions made a share of at least {target_accuracy:.3g} is right, a decision on a coarser node than "
        "the label's being right; images left undecided do not count. The share of wrong decisions among new images, "
        "divided by the share of calibration images decided, is at most "
        f"{1 - target_accuracy:.3g} in expectation."
    )


def _energy(calibration: Calibration) -> str:
    if calibration.energy is None:
        return ""
    return (
        f"\n\nImages of an energy above {calibration.energy.limit:.3f} are left undecided as unlike anything in the "
        f"taxonomy; at most a share of {calibration.energy.false_alarms:.3g} of images like the calibration images are."
    )


def _review(calibration: Calibration) -> str:
    plan = calibration.review
    if plan is None:
        return ""
    return (
        f"\n\nWith {plan.budget_per_day:.0f} reviews for {plan.assets_per_day:.0f} assets a day, decisions below "
        f"{plan.threshold:.3f} go to people; a share of {plan.coverage:.3f} is then decided without them, and "
        f"{plan.accuracy:.3f} of those rightly, by the calibration images."
    )
