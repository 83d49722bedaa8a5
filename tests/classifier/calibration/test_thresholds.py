"""The conformal thresholds against what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.calibration.thresholds import CLOSED, conformal_threshold, decision_threshold
from classifier.errors import CalibrationError


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]), min_size=1, max_size=60),
    st.sampled_from([0.5, 0.6, 0.75, 0.8, 0.9, 0.95]),
)
def test_the_threshold_by_its_definition(wrong: list[float], target: float) -> None:
    """Just above the ceil((n + 1) target)-th smallest, so that a wrong node of that probability is not taken."""
    rank = math.ceil((len(wrong) + 1) * target - 1e-9)
    if rank > len(wrong):
        with pytest.raises(CalibrationError):
            conformal_threshold(np.array(wrong), target)
        return
    value = sorted(wrong)[rank - 1]
    threshold = conformal_threshold(np.array(wrong), target)
    assert threshold == (0.0 if value == 0 else np.nextafter(value, np.inf))
    assert sum(prob >= threshold > 0 for prob in wrong) <= len(wrong) - rank


@pytest.mark.parametrize(("target", "needed"), [(0.5, 1), (0.9, 9), (0.95, 19), (0.99, 99), (0.999, 999)])
def test_too_few_samples_say_how_many_it_takes(target: float, needed: int) -> None:
    """One fewer is refused with the number; that number is enough."""
    with pytest.raises(CalibrationError) as caught:
        conformal_threshold(np.linspace(0.1, 0.9, needed - 1), target)
    assert str(caught.value) == (
        f"target accuracy {target} needs at least {needed} calibration samples, have {needed - 1}"
    )
    assert conformal_threshold(np.full(needed, 0.3), target) == pytest.approx(0.3)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_an_impossible_target_is_refused(target: float) -> None:
    with pytest.raises(CalibrationError, match="does not lie between 0 and 1"):
        conformal_threshold(np.full(100, 0.3), target)


@pytest.mark.parametrize("target", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("right_share", [0.0, 0.6, 0.97])
def test_the_promised_share_of_decisions_is_not_wrong(target: float, right_share: float) -> None:
    """Over 2,000 random splits: mean share not wrong >= target - 0.2 points; and no higher than it need be."""
    random = np.random.default_rng(7)
    shares = []
    for _ in range(2_000):
        wrong_probs = random.beta(2, 3, 400) * (random.random(400) >= right_share)
        threshold = conformal_threshold(wrong_probs[:199], target)
        shares.append(np.mean((wrong_probs[199:] < threshold) | (wrong_probs[199:] == 0)))
    assert np.mean(shares) >= target - 0.002
    assert np.mean(shares) <= max(target + 1 / 200, right_share) + 0.002


probabilities = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
climbs = st.lists(st.tuples(probabilities, probabilities).map(lambda pair: (min(pair), max(pair))), min_size=1,
                  max_size=60)  # fmt: skip


@given(climbs, st.sampled_from([0.5, 0.75, 0.8, 0.9]))
def test_the_decision_threshold_by_its_definition(drawn: list[tuple[float, float]], target: float) -> None:
    """The least of all thresholds at which 1 + wrong is within the target's share of 1 + decided."""
    wrong, roots = np.array(drawn).T
    needed = math.ceil(target / (1 - target) - 1e-9)
    if len(drawn) < needed:
        with pytest.raises(CalibrationError, match=f"needs at least {needed} calibration samples"):
            decision_threshold(wrong, roots, target)
        return
    candidates = sorted({np.nextafter(value, 2) for value in [0.0, *wrong, *roots]})
    good = [t for t in candidates if 1 + (wrong >= t).sum() <= (1 - target) * (1 + (roots >= t).sum()) + 1e-9]
    threshold = decision_threshold(wrong, roots, target)
    expected = good[0] if good else CLOSED
    assert threshold == (0.0 if expected == np.nextafter(0.0, 2) else expected)


@given(climbs, st.sampled_from([0.5, 0.75, 0.9]))
def test_the_guarantee_for_decisions_implies_that_for_images(drawn: list[tuple[float, float]], target: float) -> None:
    """Its threshold is never lower."""
    wrong, roots = np.array(drawn).T
    if len(drawn) >= math.ceil(target / (1 - target) - 1e-9):
        assert decision_threshold(wrong, roots, target) >= conformal_threshold(wrong, target)


def test_where_no_decision_can_be_trusted_none_is_made() -> None:
    """Every sample wrong at full confidence: no probability reaches the threshold."""
    assert decision_threshold(np.ones(50), np.ones(50), 0.9) == CLOSED > 1


def three_levels(random: np.random.Generator, count: int, *, sure: float, pride: float) -> tuple[np.ndarray, ...]:
    """(last wrong probabilities, root probabilities) of climbs over three levels.

    sure: how confident roots are; with little of it many samples stay undecided, where the two guarantees part.
    pride: 1 for calibrated confidences; more, for a model that is right less often than it says.
    """
    steps = random.beta([[sure], [3.0], [2.0]], [[0.5], [0.5], [0.5]], (3, count))  # p(node) / p(parent)
    probs = np.cumprod(steps, axis=0)
    right = np.logical_and.accumulate(random.random((3, count)) < steps**pride, axis=0)
    return np.where(right, 0.0, probs).max(axis=0), probs[0]


@pytest.mark.parametrize(("sure", "pride"), [(20.0, 1.0), (2.0, 1.0), (5.0, 1.5)])
@pytest.mark.parametrize(("count", "target"), [(299, 0.9), (299, 0.95), (1000, 0.9), (1000, 0.95), (1000, 0.99)])
def test_of_the_decisions_made_the_promised_share_is_right(
    count: int, sure: float, pride: float, target: float
) -> None:
    """Over 1,000 random splits: mean accuracy of the decisions made >= target - 0.2 points.

    Both over all decisions of all splits, and over splits. A split that decides nothing counts in neither.
    """
    random = np.random.default_rng(11)
    wrong_count, decided_count, accuracies = 0, 0, []
    for _ in range(1_000):
        wrong, roots = three_levels(random, count + 2000, sure=sure, pride=pride)
        threshold = decision_threshold(wrong[:count], roots[:count], target)
        decided, mistaken = (
            (roots[count:] >= threshold).sum(),
            ((wrong[count:] >= threshold) & (wrong[count:] > 0)).sum(),
        )
        wrong_count, decided_count = wrong_count + mistaken, decided_count + decided
        accuracies += [1 - mistaken / decided] if decided else []
    assert decided_count
    assert 1 - wrong_count / decided_count >= target - 0.002
    assert np.mean(accuracies) >= target - 0.002


@pytest.mark.parametrize("target", [0.9, 0.95, 0.99])
def test_the_exact_bound_of_the_guarantee_for_decisions(target: float) -> None:
    """Over 4,000 splits, the mean of wrong share / calibration's decided share is at most 1 - target, as proven.

    That counts splits which decide nothing as without a mistake; with 199 samples for a target of 0.99 most are such.
    """
    random = np.random.default_rng(13)
    shares = []
    for _ in range(4_000):
        wrong, roots = three_levels(random, 199 + 500, sure=2.0, pride=1.5)
        threshold = decision_threshold(wrong[:199], roots[:199], target)
        estimate = (1 + (roots[:199] >= threshold).sum()) / 200
        shares.append(np.mean((wrong[199:] >= threshold) & (wrong[199:] > 0)) / estimate)
    assert np.mean(shares) <= 1 - target + 3 * np.std(shares) / math.sqrt(len(shares))
