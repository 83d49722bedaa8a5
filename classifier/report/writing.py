"""Write a report: report.html, which needs nothing beside it, and its pictures as PNGs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifier.bundles.metrics import Metrics
from classifier.data.manifest import Sample
from classifier.errors import ReportError
from classifier.evaluation.climbs import Climbs
from classifier.files import replace_file
from classifier.report import figures
from classifier.report.confusion import root_matrix, worst_turns, wrong_turns
from classifier.report.curves import NamedCurve, climb_curve, coverages, fully_labelled, operating_curves, reliability
from classifier.report.mistakes import confident_mistakes
from classifier.report.nodes import accuracy_by_size, level_spreads, node_totals, worst_nodes
from classifier.report.page import Findings, Names, Subject, render
from taxonomy.arrays import Ints
from taxonomy.errors import first_line

PAGE = "report.html"
_PARENTS, _PAIRS, _ROOTS, _WORST, _MISTAKES, _PANELS = 10, 6, 14, 25, 24, 12  # what is shown at most


@dataclass(frozen=True, eq=False)
class Evaluated:
    """An evaluated split: climbs[i] is that of samples[i]; train_labels (S',) are node positions, None if unknown."""

    subject: Subject
    samples: Sequence[Sample]
    climbs: Climbs
    metrics: Metrics
    train_labels: Ints | None = None


def write_report(folder: Path, evaluated: Evaluated, against: tuple[str, Climbs] | None = None) -> Path:
    """Write the report into a folder, which is made; a report that lies there is replaced. Returns the page.

    `against` names another model and holds its climbs of the same samples. Raises ReportError when the folder cannot
    be written.
    """
    findings = find(evaluated, against)
    pictures = draw(findings, evaluated)
    page = render(findings, pictures)
    path = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in {**pictures, PAGE: page.encode("utf-8", "replace")}.items():
            path = folder / name
            replace_file(path, content)
    except OSError as error:
        raise ReportError(first_line(error), source=path) from None
    return folder / PAGE


def find(evaluated: Evaluated, against: tuple[str, Climbs] | None = None) -> Findings:
    """What the page shows, found from the climbs."""
    climbs, hierarchy = evaluated.climbs, evaluated.climbs.hierarchy
    turns = wrong_turns(climbs)
    levels = (reliability(climbs, level) for level in range(1, hierarchy.depth + 1))
    return Findings(
        subject=evaluated.subject,
        hierarchy=hierarchy,
        metrics=evaluated.metrics,
        curves=_curves(climbs, against),
        coverages=coverages(climbs),
        reliability=[level for level in levels if level is not None],
        roots=root_matrix(climbs, _ROOTS),
        turns=worst_turns(climbs, _PARENTS, _PAIRS),
        turn_parents=len(np.unique(turns[:, 1])),
        worst=worst_nodes(climbs, _WORST),
        mistakes=confident_mistakes(climbs, evaluated.samples, _MISTAKES),
        mistake_count=len(np.unique(climbs.samples[~climbs.right])),
        half_labelled=int((~hierarchy.is_terminal[climbs.truth]).sum()),
        test_spreads=level_spreads(climbs.truth, hierarchy),
        train_spreads=[] if evaluated.train_labels is None else level_spreads(evaluated.train_labels, hierarchy),
    )


def draw(findings: Findings, evaluated: Evaluated) -> Mapping[str, bytes]:
    """The pictures by file name; one that would show nothing is left out."""
    hierarchy, train = findings.hierarchy, evaluated.train_labels
    labels = evaluated.climbs.truth if train is None else train
    totals = node_totals(labels, hierarchy)
    by_level = [(level, totals[nodes]) for level, nodes in enumerate(hierarchy.level_slices, 1)]
    what = evaluated.subject.split if train is None else "training"
    sizes = None if train is None else accuracy_by_size(evaluated.climbs, train)
    pictures = {
        "coverage.png": figures.coverage_png(findings.coverages),
        "reliability.png": figures.reliability_png(findings.reliability[:_PANELS]),
        "imbalance.png": figures.imbalance_png(by_level, what, sizes),
    }
    if findings.curves:
        pictures["operating_curve.png"] = figures.operating_png(findings.curves)
    if findings.mistakes:
        pictures["mistakes.png"] = figures.mistakes_png(findings.mistakes, Names(hierarchy).name)
    return pictures


def _curves(climbs: Climbs, against: tuple[str, Climbs] | None) -> list[NamedCurve]:
    curves = operating_curves(climbs, "this model, climbing the tree")
    if curves and against is not None:
        name, others = against
        curves.append(NamedCurve(name, climb_curve(fully_labelled(others))))
    return curves
