"""The reliability curve and the calibration error."""

import numpy as np
import pytest

from classifier.evaluation.calibration_error import calibration_error_by_chance, expected_calibration_error, reliability


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


def test_ece_by_chance_is_what_true_confidences_have_on_average() -> None:
    """A thousand simulations of answers that are right as often as they say; none of answers that are certain."""
    random = np.random.default_rng(0)
    confidences = random.random(600) ** 0.3
    found = [expected_calibration_error(confidences, random.random(600) < confidences) for _ in range(1000)]
    assert calibration_error_by_chance(confidences) == pytest.approx(np.mean(found), rel=0.03)
    assert calibration_error_by_chance(np.full(10, 1 + 1e-15)) == calibration_error_by_chance(np.array([])) == 0.0


def test_the_curve_by_hand() -> None:
    """Two bins of two, in rising confidence."""
    confidence, accuracy, counts = reliability(
        np.array([0.9, 0.2, 0.6, 0.4]), np.array([True, False, True, True]), bins=2
    )
    assert confidence == pytest.approx([0.3, 0.75])
    assert accuracy.tolist() == [0.5, 1.0]
    assert counts.tolist() == [2, 2]


def test_bins_have_equal_mass_and_none_is_empty() -> None:
    """Of 100 answers, most of them alike, ten bins of ten; of three answers three bins."""
    confidences = np.concatenate([np.full(90, 0.99), np.linspace(0, 0.9, 10)])
    assert reliability(confidences, confidences > 0.5, bins=10).counts.tolist() == [10] * 10
    assert reliability(confidences[:3], confidences[:3] > 0.5, bins=10).counts.tolist() == [1, 1, 1]
    assert all(len(part) == 0 for part in reliability(np.array([]), np.array([], dtype=bool)))
