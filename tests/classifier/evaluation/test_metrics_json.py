"""The object of `evaluate --json` and metrics.json: its keys and their order are a promise, in both modes."""

import json

import numpy as np

from classifier.bundles.calibration import Calibration
from classifier.bundles.info import MetricsFile
from classifier.bundles.metrics import Metrics
from classifier.evaluation.climbs import collect_climbs
from classifier.evaluation.label_sets import LabelSetSums
from classifier.evaluation.metrics import evaluate
from taxonomy import Hierarchy

TOP = ["samples", "full_path_accuracy", "levels", "hierarchical_f1", "mistake_severity", "mean_hierarchical_distance",
       "incoherent_fraction", "operating_curve", "decision"]  # fmt: skip
LEVELS = ["level", "nodes", "samples", "top1", "top5", "macro_top1", "ece", "ece_by_chance"]
CURVE = ["ap", "ac", "recall_at_90", "recall_at_95"]
DECISION = ["target_accuracy", "threshold", "guarantee", "accuracy", "wrong_fraction", "coverage", "mean_level",
            "unfamiliar_fraction", "review_fraction"]  # fmt: skip
LABEL_SETS = ["threshold", "micro_auprc", "precision", "recall", "f1", "exact_match", "mean_true", "mean_decided"]

#                 A    B    a1   a2   b1   b2
ROWS = np.array([[0.8, 0.2, 0.7, 0.1, 0.1, 0.1], [0.3, 0.7, 0.2, 0.1, 0.5, 0.2]])
ENDS = np.array([2, 4])


def single(tree: Hierarchy, calibration: Calibration) -> Metrics:
    return evaluate(collect_climbs([(ROWS, ENDS, ENDS)], tree), calibration)


def several(tree: Hierarchy, calibration: Calibration) -> Metrics:
    sums = LabelSetSums(tree, calibration)
    sums.add(ROWS, tree.lineage[ENDS].toarray().astype(bool))
    return sums.answers(collect_climbs([(ROWS, ENDS, ENDS)], tree)).metrics(calibration)


def test_of_one_label_an_asset(tree: Hierarchy) -> None:
    told = json.loads(json.dumps(single(tree, Calibration()).as_dict()))
    assert list(told) == TOP
    assert [list(level) for level in told["levels"]] == [LEVELS, LEVELS]
    assert list(told["operating_curve"]) == CURVE
    assert list(told["decision"]) == DECISION
    assert told["decision"]["threshold"] is None  # told, although nothing was calibrated


def test_of_several_labels_an_asset(tree: Hierarchy) -> None:
    told = several(tree, Calibration(threshold=0.6, target_accuracy=0.9)).as_dict()
    assert list(told) == [*TOP, "label_sets"]
    assert list(told["decision"]) == DECISION
    assert list(told["label_sets"]) == LABEL_SETS
    assert told["decision"]["accuracy"] == told["decision"]["coverage"] == 1.0
    assert told["label_sets"] == {
        "threshold": 0.6, "micro_auprc": 1.0, "precision": 1.0, "recall": 0.75, "f1": 6 / 7, "exact_match": 0.5,
        "mean_true": 2.0, "mean_decided": 1.5,
    }  # fmt: skip


def test_a_file_is_the_object_beside_its_split(tree: Hierarchy) -> None:
    """Byte for byte what json writes of the plain values; read again it is the same."""
    for metrics in (single(tree, Calibration()), several(tree, Calibration())):
        body = MetricsFile(split="val", metrics=metrics).model_dump_json(indent=2)
        assert body == json.dumps({"split": "val", "metrics": metrics.as_dict()}, indent=2)
        assert MetricsFile.model_validate_json(body).metrics == metrics
