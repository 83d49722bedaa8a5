"""The energy check: its false alarms are as promised, and it sees what no logit speaks for."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from classifier.calibration.out_of_distribution import fit_energy_check
from classifier.outputs.path_softmax import PathSoftmax
from classifier.outputs.sigmoid_max import SigmoidMax
from taxonomy import Hierarchy


def test_the_energy_by_hand(tree: Hierarchy) -> None:
    """Leaves have theta 1 + 2, 1 - 1, 0.5 + 0, 0.5 + 0.5."""
    logits = torch.tensor([[1.0, 0.5, 2.0, -1.0, 0.0, 0.5]])
    expected = -np.log(np.exp([3.0, 0.0, 0.5, 1.0]).sum())
    assert PathSoftmax(tree).energies(logits) == pytest.approx([expected])


def test_an_asset_that_no_logit_speaks_for_has_a_large_energy(tree: Hierarchy) -> None:
    """Evenly low logits give the same probabilities as evenly high ones, but another energy."""
    found = PathSoftmax(tree).energies(torch.tensor([[3.0] * 6, [-3.0] * 6]))
    assert found is not None
    high, low = found
    assert low > high + 5


def test_an_output_without_terminal_logits_has_no_energy(tree: Hierarchy) -> None:
    assert SigmoidMax(tree).energies(torch.zeros(2, 6)) is None
    assert PathSoftmax(tree).energies(torch.zeros(2, 6)) is not None


@given(st.integers(1, 300), st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.5]))
def test_the_limit_by_its_definition(count: int, share: float) -> None:
    """The ceil((n + 1) (1 - share))-th smallest; no check where n is too small for the share."""
    known = np.random.default_rng(count).permutation(np.arange(count, dtype=float))
    check = fit_energy_check(known, share)
    rank = int(np.ceil((count + 1) * (1 - share) - 1e-9))
    if share == 0 or rank > count:
        assert check is None
    else:
        assert check is not None
        assert (known <= check.limit).sum() == rank


@pytest.mark.parametrize("share", [0.02, 0.05, 0.2])
def test_the_promised_share_of_false_alarms(share: float) -> None:
    """Over 1,000 splits the mean share of known assets that fail is at most what was asked, and hardly less."""
    random = np.random.default_rng(5)
    shares = []
    for _ in range(1_000):
        known = random.normal(size=199 + 1000)
        check = fit_energy_check(known[:199], share)
        assert check is not None
        shares.append((known[199:] > check.limit).mean())
    assert share - 1 / 200 - 0.002 <= np.mean(shares) <= share + 0.002
