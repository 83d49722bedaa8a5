"""A review plan as thresholds of a policy: below them a decision goes to a person."""

from classifier.bundles.calibration import ReviewPlan
from taxonomy import Taxonomy

_LEAST, _MOST = 1e-6, 1.0  # what a threshold of a policy may be


def review_thresholds(taxonomy: Taxonomy, plan: ReviewPlan) -> dict[str, float]:
    """What a policy calls nodes -> thresholds: the plan's own at the roots, and those of its subtrees below them.

    Nodes are named by path where only one has it, else by id. A rule that says no confidence then takes the decisions
    that the plan leaves to the model; the default sends the rest to people.
    """
    wanted = {root.id: plan.threshold for root in taxonomy.roots}
    wanted |= {part.node: part.threshold for part in plan.subtrees}
    return {_name(taxonomy, node): min(_MOST, max(_LEAST, value)) for node, value in wanted.items()}


def _name(taxonomy: Taxonomy, node: str) -> str:
    path = taxonomy.path_text(node)
    return path if taxonomy.find_path(tuple(each.name for each in taxonomy.path(node))).id == node else node
