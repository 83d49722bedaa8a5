"""Multi-label mode, end to end: images of two colours, each of them a label."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import average_precision_score

from classifier.bundles.bundle import Bundle, read_bundle
from classifier.bundles.calibration import Calibration
from classifier.bundles.metrics import LabelSetMetrics, Metrics
from classifier.calibration.options import CalibrationOptions
from classifier.calibration.review_budget import ReviewBudget
from classifier.config import TrainingConfig
from classifier.data.manifest import Manifest, Sample, carried_nodes, read_manifest
from classifier.errors import CalibrationError, DecodeError, ManifestError, TrainingError
from classifier.evaluation.label_sets import LabelSetSums, ends, nearest_labels
from classifier.evaluation.labelled_run import open_model
from classifier.inference.decoding import DecodeOptions
from classifier.inference.label_sets import LabelSetDecoder
from classifier.inference.predictor import Predictor
from classifier.outputs.adapted import AdaptedSigmoidMax
from classifier.outputs.modes import MULTI_LABEL
from classifier.outputs.sigmoid_max import SigmoidMax
from classifier.report import evaluate_with_report
from classifier.training.train import evaluate_bundle, recalibrate_bundle, train_bundle
from taxonomy import Hierarchy, Node, Taxonomy
from taxonomy.changes.diff import diff

COLOURS = {"red": (220, 40, 40), "orange": (230, 150, 30), "blue": (40, 60, 220), "green": (40, 200, 60)}
TAXONOMY = Taxonomy(
    [
        Node("warm", "Warm"),
        Node("cold", "Cold"),
        Node("red", "Red", ("warm",)),
        Node("orange", "Orange", ("warm",)),
        Node("blue", "Blue", ("cold",)),
        Node("green", "Green", ("cold",)),
    ]
)
PER_SPLIT = {"train": 10, "val": 5, "test": 4}


def paint_pairs(folder: Path) -> Path:
    """One image for each colour and each pair of colours, again and again, and the labels.csv that names them."""
    random = np.random.default_rng(0)
    rows = ["image,node,split"]
    pairs = [*combinations(COLOURS, 2), *((name, name) for name in COLOURS)]
    for split, count in PER_SPLIT.items():
        for number in range(count):
            for left, right in pairs:
                pixels = random.normal(0, 25, (40, 40, 3))
                pixels[:, :20] += COLOURS[left]
                pixels[:, 20:] += COLOURS[right]
                name = f"{split}-{left}-{right}-{number}.png"
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name)
                rows.append(f"{name},{'|'.join(dict.fromkeys((left, right)))},{split}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder / "labels.csv"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The manifest of images of two colours each."""
    return read_manifest(paint_pairs(tmp_path_factory.mktemp("pairs")), TAXONOMY, multi_label=True)


@pytest.fixture(scope="module")
def sets(pairs: Manifest, quick: TrainingConfig) -> Bundle:
    """A multi-label bundle of the pairs. Read only."""
    config = quick.changed({"mode": "multi", "epochs": 16, "crop_min_area": 0.9, "cutmix_probability": 0.3})
    return train_bundle(pairs, TAXONOMY, Path(pairs.source).with_name("bundle"), config)


def label_sets_of(metrics: Metrics) -> LabelSetMetrics:
    assert metrics.label_sets is not None
    return metrics.label_sets


def image_of(pairs: Manifest, name: str) -> Path:
    return Path(pairs.source).with_name(name)


def test_it_learns_sets(sets: Bundle, pairs: Manifest) -> None:
    found = evaluate_bundle(sets, pairs.split("test"))
    assert found.samples == 40
    assert found.incoherent_fraction == 0.0
    assert label_sets_of(found).micro_auprc > 0.9
    assert label_sets_of(found).mean_true == pytest.approx(3.0)  # 0.4 * 2 + 0.2 * 3 + 0.4 * 4
    assert found.full_path_accuracy > 0.9  # the first answer is one of the labels
    assert [level.nodes for level in found.levels] == [2, 4]
    assert json.loads((sets.folder / "metrics.json").read_text())["metrics"]["label_sets"]["f1"] > 0.8
    assert "Multi-label" in (sets.folder / "MODEL_CARD.md").read_text()


def test_the_bundle_says_its_mode_and_answers_with_every_label(sets: Bundle, pairs: Manifest) -> None:
    opened = read_bundle(sets.folder)
    assert opened.info.mode == "multi"
    predictor = Predictor(opened, options=DecodeOptions(report=("blue",), bins={"any": ("red", "orange")}))
    image = image_of(pairs, "test-red-blue-0.png")
    (found,) = predictor.predict(["x"], predictor.pixels(image.read_bytes(), "x")[None])
    told = found.as_dict()
    assert {decision["node"] for decision in told["decisions"]} == {"red", "blue"}
    assert set(told["decided"]) == {"warm", "cold", "red", "blue"}
    assert told["decision"] == told["decisions"][0]
    assert [label["level"] for label in told["levels"]] == [1, 1, 2, 2]
    assert {other["node"] for label in told["levels"] for other in label["alternatives"]} == {"orange", "green"}
    assert found.on_path() == (True, True, True, True)
    assert told["reported"][0]["node"] == "blue"
    assert told["bins"]["any"] == next(label["confidence"] for label in told["levels"] if label["node"] == "red")


def test_one_label_gives_one_decision(sets: Bundle, pairs: Manifest) -> None:
    """Of most images of one colour: 11 to 15 of 16, by the seed and the processor; a guess has one of four colours."""
    predictor = Predictor(sets)
    paths = {"red": "Warm", "orange": "Warm", "blue": "Cold", "green": "Cold"}
    hits = 0
    for number in range(PER_SPLIT["test"]):
        for colour, root in paths.items():
            image = image_of(pairs, f"test-{colour}-{colour}-{number}.png")
            (found,) = predictor.predict(["x"], predictor.pixels(image.read_bytes(), "x")[None])
            hits += [decision.path for decision in found.decisions or ()] == [(root, colour.capitalize())]
    assert hits >= 9, f"{hits} of 16"


def decode(probs: list[float], threshold: float | None) -> dict[str, Any]:
    """What is said of one asset by probabilities of warm, cold, then blue, green, orange, red."""
    hierarchy = Hierarchy.compile(TAXONOMY)
    order = [hierarchy.position(node) for node in ("warm", "cold", "blue", "green", "orange", "red")]
    row = np.zeros(6)
    row[order] = probs
    best = int(hierarchy.terminals[row[hierarchy.terminals].argmax()])
    calibration = Calibration(target_accuracy=0.9, threshold=threshold) if threshold else Calibration()
    return LabelSetDecoder(hierarchy, calibration, "m", DecodeOptions()).predict("a", row, best).as_dict()


def test_a_node_is_decided_without_its_children() -> None:
    """Warm is sure, which of its children is not; the best path is told where nothing is decided."""
    told = decode([0.9, 0.2, 0.1, 0.1, 0.4, 0.6], 0.7)
    assert told["decided"] == ["warm"]
    assert told["decision"]["path"] == ["Warm"]
    assert "0.900 >= threshold 0.700" in told["decision"]["reason"]
    assert [(label["node"], label["level"]) for label in told["levels"]] == [("warm", 1), ("red", 2)]


def test_nothing_is_decided_below_the_threshold() -> None:
    told = decode([0.6, 0.2, 0.1, 0.1, 0.4, 0.6], 0.7)
    assert told["decided"] == told["decisions"] == []
    assert told["decision"]["node"] is None
    assert told["decision"]["reason"] == "0.600 < threshold 0.700"


def test_without_a_threshold_what_is_likelier_than_not_is_decided() -> None:
    told = decode([0.6, 0.2, 0.1, 0.1, 0.4, 0.6], None)
    assert told["decided"] == ["warm", "red"]
    assert "no threshold" in told["decision"]["reason"]


def test_an_answer_is_judged_by_the_nearest_label(dag: Hierarchy) -> None:
    """boots has parents foot and out; an answer of sandals is nearer to a label at boots than to one at tents."""
    sandals, boots, tents, foot = (dag.position(node) for node in ("sandals", "boots", "tents", "foot"))
    carried = dag.closed([[tents, boots], [foot], [tents]])
    rows, labels = ends(carried, dag)
    assert list(zip(rows.tolist(), labels.tolist(), strict=True)) == [(0, tents), (0, boots), (1, foot), (2, tents)]
    assert nearest_labels(np.array([sandals, sandals, tents]), carried, dag).tolist() == [boots, foot, tents]


def test_average_precision_is_that_of_scikit_learn(tree: Hierarchy) -> None:
    """To the 2,048th part that ranks are told apart by; batches add up."""
    random = np.random.default_rng(3)
    probs = random.random((50, 6)) ** 4
    carried = random.random((50, 6)) < 0.3
    tally = LabelSetSums(tree, Calibration())
    tally.add(probs[:20], carried[:20])
    tally.add(probs[20:], carried[20:])
    scores = tally.answers(None)  # type: ignore[arg-type]  # nothing below asks for the climbs
    assert scores.micro_auprc == pytest.approx(average_precision_score(carried.ravel(), probs.ravel()), abs=2e-3)
    assert scores.decided.tolist() == (probs >= 0.5).sum(axis=1).tolist()
    assert scores.wrong_probs.tolist() == np.where(carried, 0, probs).max(axis=1).tolist()


def test_the_threshold_keeps_wrong_nodes_out(sets: Bundle, pairs: Manifest, tmp_path: Path) -> None:
    """On the images that calibrated: no more is wrong than the target allows; a lower target, a lower threshold."""
    copy = tmp_path / "bundle"
    copy.mkdir()
    for path in sets.folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    strict = recalibrate_bundle(read_bundle(copy), pairs.split("val"), "val", CalibrationOptions(0.9))
    found = evaluate_bundle(strict, pairs.split("val"))
    assert found.decision.accuracy >= 0.9
    assert found.decision.coverage > 0.5
    lax = recalibrate_bundle(strict, pairs.split("val"), "val", CalibrationOptions(0.6))
    assert (lax.calibration.threshold or 0) < (strict.calibration.threshold or 0)
    with pytest.raises(CalibrationError, match="one target for all"):
        recalibrate_bundle(lax, pairs.split("val"), "val", CalibrationOptions(0.9, review=ReviewBudget(1, 10, {})))
    with pytest.raises(CalibrationError, match="at least 99"):
        recalibrate_bundle(lax, pairs.split("val"), "val", CalibrationOptions(0.99))


@pytest.mark.parametrize("options", [DecodeOptions("crm"), DecodeOptions(under="warm"), DecodeOptions(block=("red",))])
def test_options_of_the_single_label_mode_are_refused(sets: Bundle, options: DecodeOptions) -> None:
    with pytest.raises(DecodeError, match="multi-label bundle takes no"):
        Predictor(sets, options=options)


def test_a_report_of_first_answers(sets: Bundle, pairs: Manifest, tmp_path: Path) -> None:
    metrics = evaluate_with_report(tmp_path / "report", sets, pairs, "test")
    assert metrics == evaluate_bundle(sets, pairs.split("test"))
    assert (tmp_path / "report" / "report.html").stat().st_size > 1000


def test_several_nodes_need_the_mode(pairs: Manifest, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"line 2: several nodes 'red\|orange' need the multi-label mode"):
        read_manifest(pairs.source, TAXONOMY)
    (tmp_path / "labels.csv").write_text("image,node,split\na.png,red||blue,train\n")
    with pytest.raises(ManifestError, match="line 2: a blank node in"):
        read_manifest(tmp_path / "labels.csv", TAXONOMY, multi_label=True)
    (tmp_path / "labels.csv").write_text("image,node,split\na.png,red|mauve,train\n")
    with pytest.raises(ManifestError, match=r"line 2: .*no node has the id .mauve."):
        read_manifest(tmp_path / "labels.csv", TAXONOMY, multi_label=True)


def test_a_node_given_twice_is_carried_once() -> None:
    sample = Sample(Path("x"), ("red", "blue"), "train", 1.0, 2)
    assert sample.node_id == "red|blue"
    hierarchy = Hierarchy.compile(TAXONOMY)
    carried = carried_nodes([sample], hierarchy).toarray()[0]
    assert {hierarchy.node_ids[node] for node in np.flatnonzero(carried)} == {"red", "blue", "warm", "cold"}


@pytest.mark.parametrize("option", [{"loss": "margin"}, {"ancestor_share": 0.5}, {"logit_adjustment": 1.0}])
def test_losses_of_the_single_label_mode_are_refused(option: dict[str, object]) -> None:
    with pytest.raises(TrainingError, match="of the single-label mode"):
        TrainingConfig().changed({"mode": "multi", **option})


MOVED = Taxonomy(
    [
        Node("warm", "Warm"),
        Node("cold", "Cold"),
        Node("red", "Red", ("cold",)),
        Node("blue", "Blue", ("cold",)),
        Node("green", "Green", ("cold",)),
        Node("pink", "Pink", ("warm",)),
    ]
)


def test_answers_in_another_release(sets: Bundle) -> None:
    """red moved under cold; orange, which is gone, leaves its evidence to warm; pink cannot be answered."""
    output = AdaptedSigmoidMax(sets.hierarchy, diff(TAXONOMY, MOVED))
    logits = torch.full((1, 6), -5.0)
    logits[0, sets.hierarchy.position("red")] = 3.0
    logits[0, sets.hierarchy.position("orange")] = 1.0
    nodes, best = output.predict(logits)
    said = dict(zip(output.hierarchy.node_ids, nodes[0].tolist(), strict=True))
    at_3, at_1 = torch.sigmoid(torch.tensor([3.0, 1.0], dtype=torch.float64)).tolist()
    assert said["cold"] == said["red"] == pytest.approx(at_3)
    assert said["warm"] == pytest.approx(at_1)
    assert said["pink"] == 0.0
    assert output.unreachable == ("pink",)
    assert output.hierarchy.node_ids[int(best[0])] == "red"
    assert open_model(sets, diff(TAXONOMY, MOVED)).strategy is MULTI_LABEL


def test_of_terminals_that_tie_the_deepest_is_best() -> None:
    """An inner terminal is as probable as the child that makes it so: the child is the answer."""
    taxonomy = Taxonomy([Node("a", "A", assignable=True), Node("b", "B", ("a",)), Node("c", "C")])
    hierarchy = Hierarchy.compile(taxonomy)
    logits = torch.tensor([[-3.0, 0.0, 2.0]])  # a, c, b
    assert hierarchy.node_ids[int(SigmoidMax(hierarchy).predict(logits).best[0])] == "b"


def test_training_begins_with_the_weights_of_another_release(sets: Bundle, pairs: Manifest, tmp_path: Path) -> None:
    """Nodes that survive start with their rows: without a step the answers for them are the old ones."""
    config = sets.info.training.changed({"epochs": 1, "learning_rate": 1e-12, "ema_decay": 0.0, "weight_decay": 0.0})
    renamed = Taxonomy([Node(node.id, f"{node.name}!", node.parents) for node in TAXONOMY])
    manifest = Manifest(pairs.source, pairs.samples)
    again = train_bundle(manifest, renamed, tmp_path / "again", config, start=(sets, diff(TAXONOMY, renamed)))
    found = evaluate_bundle(again, pairs.split("test"))
    assert label_sets_of(found).micro_auprc > 0.8
