"""Temperatures: one, and by level, each against what it promises."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags

from classifier.bundles.calibration import Calibration
from classifier.calibration.temperature import choose_level_temperatures, fit_level_temperatures, fit_temperature
from classifier.errors import CalibrationError
from classifier.inference.logit_scaling import column_temperatures
from classifier.outputs.path_softmax import PathSoftmax, column_levels
from taxonomy import Hierarchy, Taxonomy


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


def by_level(hierarchy: Hierarchy, temperatures: tuple[float, ...], count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits, and labels drawn from what they say once each level is divided by its temperature."""
    torch.manual_seed(5)
    output = PathSoftmax(hierarchy)
    divisors = torch.tensor(temperatures, dtype=torch.float64)[torch.from_numpy(column_levels(hierarchy) - 1)]
    logits = torch.randn(count, output.column_count, dtype=torch.float64) * 2 * divisors
    probs = output.log_probs(logits / divisors)[:, output.terminal_columns].exp()
    return logits.float(), output.terminal_columns[torch.multinomial(probs, 1)[:, 0]]


def test_known_temperatures_of_levels_are_found(tree: Hierarchy) -> None:
    """Labels drawn at 0.6 and 2.5 lead back to them, to what 4,000 samples tell."""
    logits, columns = by_level(tree, (0.6, 2.5), 4000)
    found = fit_level_temperatures(logits, columns, PathSoftmax(tree), column_levels(tree))
    assert found == pytest.approx((0.6, 2.5), rel=0.1)


def test_levels_get_temperatures_of_their_own_where_they_need_them(tree: Hierarchy) -> None:
    """Chosen where levels differ; one temperature stays where they do not, and on few samples."""
    output = PathSoftmax(tree)
    logits, columns = by_level(tree, (0.6, 2.5), 600)
    assert choose_level_temperatures(logits, columns, output, 1.5) == pytest.approx((0.6, 2.5), rel=0.25)
    assert choose_level_temperatures(logits[:49], columns[:49], output, 1.5) == ()
    alike, labels = by_level(tree, (1.5, 1.5), 600)
    assert choose_level_temperatures(alike, labels, output, 1.5) == ()


def test_luck_seldom_chooses_temperatures_by_level(tree: Hierarchy) -> None:
    """Where one temperature is right, at most a third of 30 sets of 100 samples ask for more."""
    output = PathSoftmax(tree)
    logits, columns = by_level(tree, (1.0, 1.0), 3000)
    chosen = [
        bool(choose_level_temperatures(rows, labels, output, 1.0))
        for rows, labels in zip(logits.split(100), columns.split(100), strict=True)
    ]
    assert len(chosen) == 30
    assert sum(chosen) <= 10


@given(dags(), st.data())
def test_any_temperatures_stay_coherent(taxonomy: Taxonomy, data: st.DataObject) -> None:
    """On trees and DAGs, whatever the temperatures of the levels: no node is more probable than a parent."""
    hierarchy = Hierarchy.compile(taxonomy)
    drawn = data.draw(st.lists(st.floats(0.1, 10), min_size=hierarchy.depth, max_size=hierarchy.depth))
    output = PathSoftmax(hierarchy)
    logits = torch.randn(3, output.column_count, generator=torch.Generator().manual_seed(1)) * 5
    nodes, _ = output.predict(
        logits / column_temperatures(Calibration(level_temperatures=tuple(drawn)), output.column_levels)
    )
    parents, children = hierarchy.edges.T
    assert (nodes[:, children] <= nodes[:, parents]).all()


def test_equal_temperatures_of_all_levels_are_one_temperature(dag: Hierarchy) -> None:
    """Two ways to say the same."""
    logits = torch.randn(4, PathSoftmax(dag).column_count, generator=torch.Generator().manual_seed(2))
    one = column_temperatures(Calibration(temperature=1.7), column_levels(dag))
    three = column_temperatures(Calibration(level_temperatures=(1.7, 1.7, 1.7)), column_levels(dag))
    torch.testing.assert_close(logits.double() / one, logits / three)


def test_a_stop_belongs_to_the_level_below(dag: Hierarchy) -> None:
    """Footwear (level 2) as such stands against boots and sandals (level 3)."""
    assert column_levels(dag).tolist() == [*dag.levels.tolist(), 3]


def test_temperatures_of_another_depth_are_refused(tree: Hierarchy) -> None:
    with pytest.raises(CalibrationError, match="3 level temperatures for 2 levels"):
        column_temperatures(Calibration(level_temperatures=(1.0, 1.0, 1.0)), column_levels(tree))
    assert np.isclose(column_temperatures(Calibration(), column_levels(tree)).item(), 1.0)
