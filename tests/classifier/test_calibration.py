"""Temperature, the conformal threshold and the calibration error, each against what it promises."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from classifier.calibration import Calibration, conformal_threshold, expected_calibration_error, fit_temperature
from classifier.coherence import PathSoftmax
from classifier.errors import CalibrationError
from taxonomy import Hierarchy


def sampled(hierarchy: Hierarchy, temperature: float, count: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits, and labels drawn from what they say once divided by the temperature."""
    torch.manual_seed(3)
    output = PathSoftmax(hierarchy)
    logits = torch.randn(count, output.column_count) * 2 * temperature
    columns = output.terminal_columns
    probs = output.log_probs(logits / temperature)[:, columns].exp()
    return logits, columns[torch.multinomial(probs, 1)[:, 0]]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_a_known_temperature_is_found(dag: Hierarchy, temperature: float) -> None:
    """Labels drawn at a temperature lead back to it, to what 4,000 samples tell."""
    logits, columns = sampled(dag, temperature)
    assert fit_temperature([(logits, columns)], PathSoftmax(dag)) == pytest.approx(temperature, rel=0.08)


def test_the_temperature_does_not_depend_on_the_batches(dag: Hierarchy) -> None:
    logits, columns = sampled(dag, 1.5, 300)
    parts = zip(logits.split(37), columns.split(37), strict=True)
    output = PathSoftmax(dag)
    assert fit_temperature(parts, output) == fit_temperature([(logits, columns)], output)


def test_half_labelled_samples_count_too(tree: Hierarchy) -> None:
    """Labels at the roots alone lead to the temperature as well."""
    logits, columns = sampled(tree, 2.0)
    roots = torch.tensor([0, 1, 0, 0, 1, 1])[columns]
    assert fit_temperature([(logits, roots)], PathSoftmax(tree)) == pytest.approx(2.0, rel=0.15)


def test_outputs_that_are_not_finite(tree: Hierarchy) -> None:
    with pytest.raises(CalibrationError, match="the model's outputs are not finite"):
        fit_temperature([(torch.full((2, 6), float("nan")), torch.tensor([2, 3]))], PathSoftmax(tree))


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
def test_an_impossible_target(target: float) -> None:
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


def test_ece_by_hand() -> None:
    """Two bins of two: |(0 + 1) - (0.2 + 0.4)| and |(1 + 1) - (0.6 + 0.9)|, over four samples."""
    confidences = np.array([0.9, 0.2, 0.6, 0.4])
    correct = np.array([True, False, True, True])
    assert expected_calibration_error(confidences, correct, bins=2) == pytest.approx((0.4 + 0.5) / 4)


def test_ece_of_the_perfectly_calibrated_and_of_the_overconfident() -> None:
    random = np.random.default_rng(0)
    confidences = random.random(50_000)
    correct = random.random(50_000) < confidences
    assert expected_calibration_error(confidences, correct) < 0.01
    assert expected_calibration_error(np.ones(1000), random.random(1000) < 0.5) == pytest.approx(0.5, abs=0.05)


def test_ece_of_nothing_is_zero() -> None:
    assert expected_calibration_error(np.array([]), np.array([], dtype=bool)) == 0.0


def test_a_calibration_keeps_its_temperature_when_it_gets_a_threshold() -> None:
    before = Calibration(temperature=1.7, samples=40, split="val")
    after = before.with_threshold(0.5, np.array([0.2, 0.4, 0.6]))
    assert after.model_dump() == {**before.model_dump(), "target_accuracy": 0.5, "threshold": pytest.approx(0.4)}
    assert before.threshold is None


@pytest.mark.parametrize(
    "fields",
    [{"temperature": 0}, {"temperature": -1}, {"target_accuracy": 1}, {"threshold": -0.1}, {"samples": -1}, {"x": 1}],
)
def test_an_impossible_calibration(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Calibration(**fields)  # type: ignore[arg-type]
