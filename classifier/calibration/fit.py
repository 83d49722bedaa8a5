"""Calibrate a model on held-out images: temperatures first, then what depends on them."""

import math
from collections.abc import Mapping, Sequence

import torch

from classifier.bundles.calibration import Calibration, Guarantee, SubtreeTarget, values_by_subtree
from classifier.calibration.entropy_temperature import choose_entropy_temperature
from classifier.calibration.options import CalibrationOptions
from classifier.calibration.out_of_distribution import fit_energy_check
from classifier.calibration.review_budget import plan_reviews
from classifier.calibration.temperature import choose_level_temperatures, fit_temperature
from classifier.calibration.thresholds import CLOSED, threshold_for
from classifier.data.manifest import Sample
from classifier.errors import CalibrationError
from classifier.evaluation.answers import Evidence
from classifier.evaluation.labelled_run import Model
from classifier.inference.logit_scaling import LogitScaling
from classifier.progress import Progress, silent
from taxonomy import Hierarchy
from taxonomy.arrays import Bools, Floats

_COMMON = -1.0  # the group of assets outside the subtrees with targets of their own
_KEPT_LOGITS = 2**24  # of the samples that fit temperatures: 64 MiB of float32, and some five times that while fitting


def calibrate(
    model: Model,
    samples: Sequence[Sample],
    split: str,
    options: CalibrationOptions,
    progress: Progress = silent,
    *,
    need_threshold: bool = True,
) -> Calibration:
    """Fit temperatures, the energy check, thresholds and the review plan, each knowing the ones before.

    Raises CalibrationError on options that do not go with the model's mode, and on too few samples for a target. Unless
    `need_threshold`, too few for the target of all give a calibration without a threshold instead.
    """
    if not model.strategy.has_one_path and (options.subtree_targets or options.review is not None):
        raise CalibrationError("a multi-label bundle takes one target for all: no targets by subtree, no review budget")
    fitted = fit_temperatures(model, samples, progress)
    answers = model.answers(samples, fitted, progress, "calibrate")
    fitted = fitted.model_copy(update={"samples": len(samples), "split": split})
    energies = answers.climbs.energies
    if energies is not None:
        fitted = fitted.model_copy(update={"energy": fit_energy_check(energies, options.false_alarms)})
    try:
        fitted = with_thresholds(fitted, answers.evidence(), options)
    except CalibrationError:
        if need_threshold or options.subtree_targets:
            raise
    if options.review is None:
        return fitted
    return fitted.model_copy(update={"review": plan_reviews(answers.climbs, fitted, options.review)})


def fit_temperatures(model: Model, samples: Sequence[Sample], progress: Progress = silent) -> Calibration:
    """One temperature, and those of levels and by entropy where these are better; on an even share of many samples."""
    stride = max(1, math.ceil(len(samples) * model.output.column_count / _KEPT_LOGITS))
    used = samples[::stride]
    targets = model.output.targets(used)
    batches = [
        (logits, targets.labels(positions).to(logits.device))
        for logits, positions in model.logits(used, progress, "calibrate")
    ]
    temperature = fit_temperature(batches, model.output)
    logits, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    by_level = choose_level_temperatures(logits, labels, model.output, temperature)
    found = Calibration(temperature=temperature, level_temperatures=by_level)
    divided = LogitScaling(found, model.output)(logits)
    return found.model_copy(update={"entropy": choose_entropy_temperature(divided, labels, model.output)})


def with_thresholds(calibration: Calibration, evidence: Evidence, options: CalibrationOptions) -> Calibration:
    """This calibration with its decision thresholds: of every subtree that has a target, and of all other assets.

    Each is found from the samples that it applies to, those whose best terminal lies there: an asset's group is known
    before its label, so that the guarantee holds for each group by itself. Assets that fail the energy check are never
    decided, and count so. Raises CalibrationError on too few samples, naming the subtree.
    """
    node_groups = _node_groups(options.subtree_targets, evidence.hierarchy)
    groups = node_groups[evidence.best]
    known = ~calibration.alarms(evidence.energies, len(groups))
    wrong, roots = evidence.wrong_probs * known, evidence.root_probs * known

    def threshold_of(inside: Bools, target: float, where: str) -> float:
        return _threshold(options.guarantee, wrong[inside], roots[inside], target, where)

    subtrees = []
    for number, (node, target) in enumerate(options.subtree_targets.items()):
        inside = groups == number
        found = threshold_of(inside, target, f"under {node!r}: ")
        subtrees.append(SubtreeTarget(node=node, target_accuracy=target, threshold=found, samples=int(inside.sum())))
    threshold = CLOSED  # where every terminal lies in a subtree with a target, no asset is decided by the common one
    if (node_groups[evidence.hierarchy.terminals] == _COMMON).any():
        where = "outside the subtrees with targets of their own: " if subtrees else ""
        threshold = threshold_of(groups == _COMMON, options.target_accuracy, where)
    return calibration.model_copy(
        update={
            "target_accuracy": options.target_accuracy,
            "threshold": threshold,
            "guarantee": options.guarantee,
            "subtrees": tuple(subtrees),
        }
    )


def _threshold(guarantee: Guarantee, wrong: Floats, roots: Floats, target: float, where: str) -> float:
    """The threshold of a group; where that fails, the error says of which group and what the samples can reach."""
    count = len(wrong)
    try:
        return threshold_for(guarantee, wrong, roots, target)
    except CalibrationError as error:
        reach = f"; {count} reach at most {count / (count + 1):.3f}" if where and count else ""
        raise CalibrationError(f"{where}{error}{reach}") from None


def _node_groups(targets: Mapping[str, float], hierarchy: Hierarchy) -> Floats:
    """(N,) the number of the subtree that a node's assets belong to, as `Calibration.thresholds` has it."""
    numbered = [(node, target, float(number)) for number, (node, target) in enumerate(targets.items())]
    return values_by_subtree(_COMMON, numbered, hierarchy)
