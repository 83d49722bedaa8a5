"""The model card: what a person reads of a bundle."""

from typing import TYPE_CHECKING, Any

from classifier.calibration import Calibration
from taxonomy import Taxonomy

if TYPE_CHECKING:
    from classifier.bundle import BundleInfo


def model_card(
    info: "BundleInfo", taxonomy: Taxonomy, calibration: Calibration, split: str, metrics: dict[str, Any]
) -> str:
    """Markdown: what the model is, how it was measured, and how far to trust it."""
    levels = "\n".join(
        f"| {row['level']} | {row['nodes']} | {row['top1']:.3f} | {row['top5']:.3f} | {row['macro_top1']:.3f} "
        f"| {row['ece']:.3f} |"
        for row in metrics["levels"]
    )
    return f"""# {info.backbone} on taxonomy {info.release[:12]}

A hierarchical classifier made with Cladist: {len(taxonomy)} nodes, {len(taxonomy.leaves)} leaves,
{len(metrics["levels"])} levels; images of {info.image_size_px} px; trained for {info.training.epochs} epochs with
seed {info.training.seed}. Probabilities are coherent: no node is more probable than a parent of it.

## Measured on the split `{split}` ({metrics["samples"]} images)

Full-path accuracy {metrics["full_path_accuracy"]:.3f}, hierarchical F1 {metrics["hierarchical_f1"]:.3f}.

| level | nodes | top-1 | top-5 | macro top-1 | ECE |
|---|---|---|---|---|---|
{levels}

## Calibration and decision depth

Temperature {calibration.temperature:.3f} from {calibration.samples} images of `{calibration.split}`.
{_depth(calibration)}

The split that measures here may be the one that calibrated: use `cladist evaluate` on images that neither training nor
calibration has seen before you rely on a figure. The guarantee of the decision depth holds for images drawn from the
same source as the calibration images, on average, and not for each node by itself.
"""


def _depth(calibration: Calibration) -> str:
    if calibration.threshold is None:
        return "No decision threshold: there were too few images for the target."
    wrong = 1 - (calibration.target_accuracy or 0)
    return (
        f"Decisions stop at the deepest node of at least {calibration.threshold:.3f}, so that at most a share of "
        f"{wrong:.3g} of all images get a wrong one; images left undecided count as not wrong."
    )
