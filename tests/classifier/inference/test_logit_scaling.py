"""How logits are scaled: the temperature by entropy against what it promises."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags

from classifier.bundles.bundle import Bundle, read_bundle
from classifier.bundles.calibration import Calibration, EntropyTemperature
from classifier.bundles.model_card import model_card
from classifier.bundles.writing import write_calibration
from classifier.calibration.entropy_temperature import choose_entropy_temperature
from classifier.data.manifest import read_manifest
from classifier.evaluation.labelled_run import open_model
from classifier.evaluation.metrics import evaluate
from classifier.inference.logit_scaling import LogitScaling
from classifier.inference.predictor import Predictor
from classifier.outputs.path_softmax import PathSoftmax
from taxonomy import Hierarchy, Node, Taxonomy


def by_entropy(offset: float, slope: float) -> EntropyTemperature:
    """One for all entropies."""
    return EntropyTemperature(offset=offset, slope=slope, lowest=0.0, highest=100.0)


def drawn(hierarchy: Hierarchy, offset: float, slope: float, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits, and labels drawn from what they say once scaled by that temperature."""
    torch.manual_seed(3)
    output = PathSoftmax(hierarchy)
    logits = torch.randn(count, output.column_count, dtype=torch.float64) * torch.rand(count, 1) * 6
    calibration = Calibration(entropy=by_entropy(offset, slope))
    probs = output.terminal_probs(LogitScaling(calibration, output)(logits))
    return logits, output.terminal_columns[torch.multinomial(probs, 1)[:, 0]]


@pytest.mark.parametrize(("offset", "slope"), [(0.4, -0.5), (-0.3, 0.6)])
def test_a_known_temperature_by_entropy_is_found(dag: Hierarchy, offset: float, slope: float) -> None:
    """Labels drawn with it lead back to it, to what 6,000 samples tell."""
    logits, columns = drawn(dag, offset, slope, 6000)
    found = choose_entropy_temperature(logits, columns, PathSoftmax(dag))
    assert found is not None
    assert found.offset == pytest.approx(offset, abs=0.1)
    assert found.slope == pytest.approx(slope, abs=0.15)


def test_where_none_is_needed_none_does_harm(tree: Hierarchy) -> None:
    """Of 20 sets of 300 samples that are right as they are, most are left so; what the others get changes little."""
    logits, columns = drawn(tree, 0.0, 0.0, 6000)
    output = PathSoftmax(tree)
    sets = zip(logits.split(300), columns.split(300), strict=True)
    found = [choose_entropy_temperature(*each, output) for each in sets]
    assert sum(each is None for each in found) >= 10
    spread = output.entropies(logits).numpy()
    for each in found:
        if each is not None:
            assert np.abs(each.offset + each.slope * spread).mean() < 0.35


def test_few_samples_get_none(tree: Hierarchy) -> None:
    logits, columns = drawn(tree, 0.4, -0.5, 49)
    assert choose_entropy_temperature(logits, columns, PathSoftmax(tree)) is None


def test_the_entropy_is_that_of_the_terminals(tree: Hierarchy) -> None:
    """In nats: log 4 where nothing is said of four terminals, 0 where one is certain."""
    output = PathSoftmax(tree)
    logits = torch.zeros(2, output.column_count)
    logits[1, 2] = 1000.0
    assert output.entropies(logits).tolist() == pytest.approx([math.log(4), 0.0])


def test_what_is_flatter_than_all_that_was_seen_is_not_made_sharp() -> None:
    """Of 1,000 terminals: noise stays noise, whatever a fit on clear images says of the entropies among them."""
    wide = Hierarchy.compile(Taxonomy([Node("r", "r"), *(Node(f"n{i}", f"n{i}", ("r",)) for i in range(1000))]))
    output = PathSoftmax(wide)
    torch.manual_seed(4)
    logits = torch.randn(300, output.column_count, dtype=torch.float64) * 0.3
    logits[torch.arange(300), 1 + torch.arange(300)] += torch.linspace(9, 16, 300)
    clear = output.entropies(logits)
    drawn = output.terminal_probs(logits * torch.exp(-0.5 + 0.5 * clear)[:, None])
    found = choose_entropy_temperature(logits, output.terminal_columns[torch.multinomial(drawn, 1)[:, 0]], output)
    assert found is not None
    assert found.slope < -0.2
    assert (found.lowest, found.highest) == (clear.min().item(), clear.max().item())
    noise = torch.randn(50, output.column_count, dtype=torch.float64) * 0.3
    scaled = LogitScaling(Calibration(entropy=found), output)(noise)
    assert output.terminal_probs(scaled).max() < 0.1


@given(dags(), st.floats(-3, 3), st.floats(-2, 2))
def test_any_temperature_by_entropy_stays_coherent(taxonomy: Taxonomy, offset: float, slope: float) -> None:
    """On trees and DAGs: no node is more probable than a parent, and the best terminal is still the best."""
    hierarchy = Hierarchy.compile(taxonomy)
    output = PathSoftmax(hierarchy)
    logits = torch.randn(3, output.column_count, generator=torch.Generator().manual_seed(1)) * 5
    calibration = Calibration(temperature=1.5, entropy=by_entropy(offset, slope))
    nodes, best = output.predict(LogitScaling(calibration, output)(logits))
    parents, children = hierarchy.edges.T
    assert (nodes[:, children] <= nodes[:, parents]).all()
    assert best.tolist() == output.predict(logits).best.tolist()


def test_a_bundle_serves_what_was_measured(trained: Bundle, tmp_path: Path) -> None:
    """Worker and evaluation scale alike, and the card says how."""
    copy = read_bundle(shutil.copytree(trained.folder, tmp_path / "bundle"))
    plain = copy.calibration.model_copy(update={"entropy": None})
    scaled = plain.model_copy(update={"entropy": by_entropy(1.0, -0.5)})
    samples = read_manifest(trained.folder.parent / "labels.csv", trained.taxonomy).split("test")
    confidences = []
    for calibration in (plain, scaled):
        changed = write_calibration(copy, calibration)
        climbs = open_model(changed).climbs(samples, calibration)
        predictor = Predictor(changed)
        pixels = torch.stack([predictor.pixels(sample.image.read_bytes(), "x") for sample in samples])
        served = predictor.predict([str(sample.image) for sample in samples], pixels)
        measured = climbs.probs[climbs.starts]
        assert [each.levels[-1].confidence for each in served] == pytest.approx(measured.tolist(), abs=2e-3)
        confidences.append(measured)
    assert np.abs(confidences[0] - confidences[1]).max() > 0.05
    card = model_card(changed.info, changed.taxonomy, scaled, "test", evaluate(climbs, scaled))
    assert "then exp(1.000 -0.500 H) by the entropy H" in card
