"""The calibration that a bundle keeps: what it refuses, and which threshold applies to which asset."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from random_taxonomies import dags, naive_lineage

from classifier.bundles.calibration import (
    Calibration,
    EnergyCheck,
    ReviewPlan,
    ReviewSubtree,
    SubtreeTarget,
    under,
    values_by_subtree,
)
from taxonomy import Hierarchy, Taxonomy, TaxonomyError


def test_every_part_survives_json() -> None:
    """What is written is what is read."""
    plan = ReviewPlan(budget_per_day=5, assets_per_day=100, threshold=0.8,
                      subtrees=(ReviewSubtree(node="A", cost=3, threshold=0.9),), reviews_per_day=5,
                      beyond_budget_per_day=0, coverage=0.95, accuracy=0.97, samples=40)  # fmt: skip
    whole = Calibration(
        temperature=1.2,
        level_temperatures=(1.0, 1.5),
        target_accuracy=0.9,
        threshold=0.6,
        guarantee="decisions",
        subtrees=(SubtreeTarget(node="A", target_accuracy=0.99, threshold=0.8, samples=120),),
        energy=EnergyCheck(limit=-3.2, false_alarms=0.05),
        review=plan,
        samples=300,
        split="val",
    )
    assert Calibration.model_validate_json(whole.model_dump_json()) == whole
    assert json.loads(whole.model_dump_json())["subtrees"][0]["node"] == "A"


def test_a_file_that_does_not_name_its_guarantee_promises_the_weaker() -> None:
    assert Calibration.model_validate_json('{"threshold": 0.5, "target_accuracy": 0.9}').guarantee == "images"


@pytest.mark.parametrize(
    "fields",
    [
        {"level_temperatures": [0]},
        {"temperature": 0},
        {"temperature": -1},
        {"target_accuracy": 1},
        {"threshold": -0.1},
        {"samples": -1},
        {"x": 1},
    ],
)
def test_an_impossible_calibration_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Calibration(**fields)


def test_the_threshold_of_a_subtree_applies_to_what_lies_there(tree: Hierarchy) -> None:
    """Under A 0.8; a1, deeper, has its own; all others the common one."""
    own = (
        SubtreeTarget(node="a1", target_accuracy=0.6, threshold=0.3, samples=9),
        SubtreeTarget(node="A", target_accuracy=0.9, threshold=0.8, samples=9),
    )
    #                               A    B    a1   a2   b1   b2
    thresholds = Calibration(threshold=0.5, subtrees=own).thresholds(tree)
    assert thresholds is not None
    assert thresholds.tolist() == [0.8, 0.5, 0.3, 0.8, 0.5, 0.5]
    assert Calibration(subtrees=own).thresholds(tree) is None
    assert Calibration().review_thresholds(tree).tolist() == [0.0] * 6


def test_of_two_subtrees_of_one_level_the_weightier_wins(dag: Hierarchy) -> None:
    """Boots lie under Outdoor and under Clothing."""
    for order in (1, -1):
        values = values_by_subtree(0.0, [("out", 0.9, 1.0), ("wear", 0.99, 2.0)][::order], dag)
        assert values[dag.index["boots"]] == 2.0
        assert values[dag.index["tents"]] == 1.0


def test_an_unknown_subtree_is_named(tree: Hierarchy) -> None:
    with pytest.raises(TaxonomyError, match="no node has the id 'Weapons'"):
        values_by_subtree(0.0, [("Weapons", 0.99, 1.0)], tree)


@given(dags(), st.data())
def test_under_by_its_definition(taxonomy: Taxonomy, data: st.DataObject) -> None:
    """A node lies under another that is itself or an ancestor."""
    hierarchy = Hierarchy.compile(taxonomy)
    chosen = data.draw(st.sampled_from(hierarchy.node_ids))
    found = under(hierarchy.position(chosen), hierarchy)
    assert {hierarchy.node_ids[i] for i in np.flatnonzero(found)} == {
        node.id for node in taxonomy if chosen in naive_lineage(taxonomy, node.id)
    }


def test_alarms_are_what_exceeds_the_limit() -> None:
    """An energy at the limit is known; without a check, or without energies, nothing is strange."""
    check = Calibration(energy=EnergyCheck(limit=-2.0, false_alarms=0.05))
    assert check.alarms(np.array([-3.0, -2.0, -1.9]), 3).tolist() == [False, False, True]
    assert check.alarms(None, 2).tolist() == [False, False]
    assert Calibration().alarms(np.array([9.0]), 1).tolist() == [False]
