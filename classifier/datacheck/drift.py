"""Do two samples of images come from the same source? Each statistic's distributions are compared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp, mannwhitneyu

from classifier.datacheck.findings import Finding

MIN_GAP = 0.15  # Kolmogorov-Smirnov distance below which a difference is too small to matter, however certain
MAX_CHANCE = 0.01  # for all statistics of one comparison together (Bonferroni)
MIN_SAMPLE = 20  # images on either side

Columns = Mapping[str, NDArray[np.floating]]


@dataclass(frozen=True, slots=True)
class Drift:
    """How one statistic differs between two samples.

    gap: Kolmogorov-Smirnov distance in [0, 1]. lean: Cliff's delta in [-1, 1], how much more often a value of the
    second is larger than one of the first than smaller. chance: the probability of such a gap without any difference.
    """

    statistic: str
    gap: float
    lean: float
    chance: float
    medians: tuple[float, float]


def compare(first: Columns, second: Columns) -> list[Drift]:
    """The drift of every statistic that both have; NaN values are left out."""
    drifts = []
    for name in first.keys() & second.keys():
        left, right = (values[~np.isnan(values)].astype(np.float64) for values in (first[name], second[name]))
        if not len(left) or not len(right):
            continue
        gap = ks_2samp(left, right, method="asymp")
        larger = float(mannwhitneyu(right, left, method="asymptotic").statistic) / (len(left) * len(right))
        medians = (float(np.median(left)), float(np.median(right)))
        drifts.append(Drift(name, float(gap.statistic), 2 * larger - 1, float(gap.pvalue), medians))
    return sorted(drifts, key=lambda drift: (-drift.gap, drift.statistic))


def drift_findings(where: str, first: Columns, second: Columns) -> Iterator[Finding]:
    """A warning for each statistic whose distributions differ by more than MIN_GAP and more than chance explains."""
    size = min(_size(first), _size(second))
    if size < MIN_SAMPLE:
        yield Finding("drift", "note", where, f"{size} images are too few to compare; {MIN_SAMPLE} are needed")
        return
    drifts = compare(first, second)
    for drift in drifts:
        if drift.gap > MIN_GAP and drift.chance < MAX_CHANCE / len(drifts):
            what = f"median {drift.medians[0]:.3g} against {drift.medians[1]:.3g}"
            effect = f"KS distance {drift.gap:.2f}, Cliff's delta {drift.lean:+.2f}, p {drift.chance:.1g}"
            yield Finding("drift", "warning", where, f"{drift.statistic}: {what} ({effect})")


def _size(columns: Columns) -> int:
    return min((int((~np.isnan(values)).sum()) for values in columns.values()), default=0)
