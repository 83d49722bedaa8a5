"""Calibrate a model on held-out images: temperatures first, then what must know them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from classifier.bundles.calibration import (
    Calibration,
    Guarantee,
    SubtreeTarget,
    values_by_subtree,
)
from classifier.calibration.entropy_temperature import choose_entropy_temperature
from classifier.calibration.options import CalibrationOptions
from classifier.calibration.out_of_distribution import fit_energy_check
from classifier.calibration.review_budget import plan_reviews
from classifier.calibration.temperature import choose_level_temperatures, chunks, fit_temperature
from classifier.calibration.thresholds import CLOSED, threshold_for
from classifier.data.manifest import Sample
from classifier.errors import CalibrationError
from classifier.evaluation.climbs import Climbs
from classifier.inference.logit_scaling import LogitScaling
from classifier.progress import Progress, silent
from taxonomy import Hierarchy
from taxonomy.arrays import Bools, Floats

if TYPE_CHECKING:
    from classifier.evaluation.labelled_run import Model


_COMMON = -1.0  # the group of assets outside the subtrees with targets of their own


_KEPT_LOGITS = 2**24  # of the samples that fit temperatures: 64 MiB of float32, and some five times that while fitting


def calibrate_model(
    model: "Model",
    samples: Sequence[Sample],
    split: str,
    options: CalibrationOptions,
    progress: Progress = silent,
    *,
    need_threshold: bool = True,
) -> Calibration:
    """Fit temperatures, the energy check, thresholds and the review plan, each knowing the ones before.

    Raises CalibrationError on too few samples for a target. Unless `need_threshold`, too few for the target of all
    give a calibration without a threshold instead.
    """
    fitted = fit_temperatures(model, samples, progress)
    climbs = model.climbs(samples, fitted, progress, "calibrate")
    fitted = fitted.model_copy(update={"samples": len(samples), "split": split})
    if climbs.energies is not None:
        fitted = fitted.model_copy(update={"energy": fit_energy_check(climbs.energies, options.false_alarms)})
    try:
        fitted = with_thresholds(fitted, climbs, options)
    except CalibrationError:
        if need_threshold or options.subtree_targets:
            raise
    if options.review is None:
        return fitted
    return fitted.model_copy(update={"review": plan_reviews(climbs, fitted, options.review)})


def fit_temperatures(model: "Model", samples: Sequence[Sample], progress: Progress = silent) -> Calibration:
    """One temperature, and those of levels and by entropy where these are better; on an even share of many samples."""
    stride = math.ceil(len(samples) * model.output.column_count / _KEPT_LOGITS)
    batches = list(model.logits(samples[:: max(1, stride)], progress, "calibrate"))
    logits = torch.cat([rows for rows, _ in batches])
    truth = torch.cat([positions for _, positions in batches])
    columns = model.output.label_columns[truth.to(model.output.label_columns.device)]
    temperature = fit_temperature(chunks(logits, columns), model.output)
    by_level = choose_level_temperatures(logits, columns, model.output, model.hierarchy, temperature)
    found = Calibration(temperature=temperature, level_temperatures=by_level)
    divided = LogitScaling(found, model.hierarchy, model.output)(logits)
    return found.model_copy(update={"entropy": choose_entropy_temperature(divided, columns, model.output)})


def with_thresholds(calibration: Calibration, climbs: Climbs, options: CalibrationOptions) -> Calibration:
    """This calibration with its decision thresholds: of every subtree that has a target, and of all other assets.

    Each is found from the samples that it applies to, those whose best terminal lies there: an asset's group is known
    before its label, so that the guarantee holds for each group by itself. Assets that fail the energy check are never
    decided, and count so. Raises CalibrationError on too few samples, naming the subtree.
    """
    groups = _groups(options.subtree_targets, climbs.hierarchy)
    evidence = _evidence(calibration, climbs, groups)
    subtrees = []
    for number, (node, target) in enumerate(options.subtree_targets.items()):
        inside = evidence.groups == number
        threshold = evidence.threshold(inside, target, options.guarantee, f"under {node!r}: ")
        subtrees.append(
            SubtreeTarget(node=node, target_accuracy=target, threshold=threshold, samples=int(inside.sum()))
        )
    threshold = CLOSED  # where every terminal lies in a subtree with a target, no asset is decided by the common one
    if (groups[climbs.hierarchy.terminals] == _COMMON).any():
        where = "outside the subtrees with targets of their own: " if subtrees else ""
        threshold = evidence.threshold(evidence.groups == _COMMON, options.target_accuracy, options.guarantee, where)
    return calibration.model_copy(
        update={
            "target_accuracy": options.target_accuracy,
            "threshold": threshold,
            "guarantee": options.guarantee,
            "subtrees": tuple(subtrees),
        }
    )


@dataclass(frozen=True, eq=False)
class _Evidence:
    """Of the n samples labelled at a terminal: what `thresholds` looks at, and the number of their group."""

    wrong_probs: Floats
    root_probs: Floats
    groups: Floats

    def threshold(self, inside: Bools, target: float, guarantee: Guarantee, where: str) -> float:
        count = int(inside.sum())
        try:
            return threshold_for(guarantee, self.wrong_probs[inside], self.root_probs[inside], target)
        except CalibrationError as error:
            reach = f"; {count} reach at most {count / (count + 1):.3f}" if where and count else ""
            raise CalibrationError(f"{where}{error}{reach}") from None


def _evidence(calibration: Calibration, climbs: Climbs, groups: Floats) -> _Evidence:
    at_terminal = climbs.hierarchy.is_terminal[climbs.truth]
    known = ~calibration.alarms(climbs.energies, len(climbs.truth))[at_terminal]
    return _Evidence(climbs.wrong_probs() * known, climbs.root_probs() * known, groups[climbs.best][at_terminal])


def _groups(targets: Mapping[str, float], hierarchy: Hierarchy) -> Floats:
    """(N,) the number of the subtree that a node's assets belong to, as `Calibration.thresholds` has it."""
    numbered = [(node, target, float(number)) for number, (node, target) in enumerate(targets.items())]
    return values_by_subtree(_COMMON, numbered, hierarchy)
