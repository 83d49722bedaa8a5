"""The command line as users meet it: whole jobs, exit codes and one line for every mistake."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
from command_line import Cladist
from fixture_types import MakeBundle
from PIL import Image
from safetensors.torch import save_file

from classifier.bundles.bundle import read_bundle
from classifier.config import TrainingConfig
from taxonomy import Node, Taxonomy, canonical_json


@pytest.fixture
def labels(cladist: Cladist) -> Path:
    """A labels.csv with two easy leaves under one root."""
    rows = ["image,path,split"]
    for split, number in (("train", 8), ("val", 4), ("test", 4)):
        for leaf, colour in (("red", (200, 20, 20)), ("blue", (20, 20, 200))):
            for index in range(number):
                name = f"{split}-{leaf}-{index}.png"
                Image.new("RGB", (40, 40), colour).save(cladist.folder / name)
                rows.append(f"{name},colour > {leaf},{split}")
    path = cladist.folder / "labels.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


TRAIN = ("train", "--labels", "labels.csv", "--backbone", "test_resnet", "--epochs", "1", "--image-size", "32")


@pytest.mark.usefixtures("labels")
def test_weights_from_elsewhere_are_trained_gently(cladist: Cladist) -> None:
    """A bundle to begin with, or a checkpoint, brings a lower learning rate along, unless one is asked for."""
    cladist.ok(*TRAIN, "--out", "b")
    cladist.ok("train", "--labels", "labels.csv", "--from", "b", "--epochs", "1", "--out", "warm")
    again = ("--checkpoint", "weights.safetensors", "--option", "weight_decay=0.01")
    network = timm.create_model("test_resnet", num_classes=0)
    save_file(network.state_dict(), cladist.folder / "weights.safetensors")
    cladist.ok(*TRAIN, *again, "--out", "loaded")
    scratch, warm, loaded = (read_bundle(cladist.folder / name).info.training for name in ("b", "warm", "loaded"))
    gentle = TrainingConfig().from_weights()
    assert (scratch.learning_rate, scratch.weight_decay) == (
        TrainingConfig().learning_rate,
        TrainingConfig().weight_decay,
    )
    assert (warm.learning_rate, warm.weight_decay) == (gentle.learning_rate, gentle.weight_decay)
    assert (loaded.learning_rate, loaded.weight_decay) == (gentle.learning_rate, 0.01)
    assert gentle.learning_rate < scratch.learning_rate
    slower = scratch.changed({"learning_rate": 1e-5, "image_size_px": 128}).from_weights()
    assert slower.learning_rate == 1e-5
    assert slower.size_at(0) == 128


@pytest.mark.usefixtures("labels")
def test_the_whole_job_by_hand(cladist: Cladist) -> None:
    """Train, evaluate, calibrate, predict, add, submit, work, wait, ask: each by its command, each speaking JSON."""
    (made,) = map(json.loads, cladist.ok(*TRAIN, "--out", "b", "--json"))
    (metrics,) = map(json.loads, cladist.ok("evaluate", "b", "--labels", "labels.csv", "--split", "test", "--json"))
    assert {"samples", "full_path_accuracy", "levels", "hierarchical_f1", "mistake_severity", "operating_curve",
            "mean_hierarchical_distance", "incoherent_fraction", "decision"} <= set(metrics)  # fmt: skip
    assert metrics["samples"] == 8
    assert metrics["incoherent_fraction"] == 0
    calibrate = ("calibrate", "b", "--labels", "labels.csv", "--split", "val", "--target-accuracy", "0.7", "--json")
    (calibration,) = map(json.loads, cladist.ok(*calibrate))
    assert calibration["target_accuracy"] == 0.7
    assert calibration["model"] != made["model"]
    (prediction,) = map(json.loads, cladist.ok("predict", "b", "test-red-0.png", "--json"))
    cladist.ok("db", "upgrade")
    (added,) = map(json.loads, cladist.ok("bundle", "add", "b", "--json"))
    assert added["model"] == prediction["model"] == calibration["model"]
    jobs = [json.loads(line)["job"] for line in cladist.ok("submit", "--manifest", "labels.csv", "none.png", "--json")]
    assert len(jobs) == 33
    cladist.ok("worker", "--drain")
    waited = cladist("jobs", "wait", *map(str, jobs), "--json")
    assert waited.returncode == 1  # none.png failed
    ended = [json.loads(line) for line in waited.stdout.splitlines()]
    assert [job["status"] for job in ended] == ["failed"] + ["succeeded"] * 32
    found = [json.loads(line) for line in cladist.ok("labels", "--under", "colour", "--json")]
    assert len(found) == 32
    (shown,) = map(json.loads, cladist.ok("jobs", "show", str(found[0]["asset_id"]), "--json"))
    assert set(shown["prediction"]) == {"asset", "release", "model", "levels", "decision"} == set(prediction)


@pytest.mark.usefixtures("labels")
def test_calibrate_and_predict_by_their_options(cladist: Cladist) -> None:
    """Targets by subtree, a review budget and the energy check are kept; decode options add what they are asked for."""
    cladist.ok(*TRAIN, "--out", "b")
    before = (cladist.folder / "b" / "MODEL_CARD.md").read_text()
    words = ("calibrate", "b", "--labels", "labels.csv", "--split", "val", "--target-accuracy", "0.6")
    budget = ("--reviews-per-day", "1", "--assets-per-day", "4", "--review-cost", "colour > blue=3")
    targets = ("--target", "colour=0.5", "--false-alarms", "0.2")
    assert "under 'colour': target accuracy 0.99 needs at least 99" in cladist.refused(
        *words, "--target", "colour=0.99", "--json"
    )
    (found,) = map(json.loads, cladist.ok(*words, *targets, *budget, "--json"))
    assert found["guarantee"] == "decisions"
    assert [(part["node"], part["target_accuracy"]) for part in found["subtrees"]] == [("colour", 0.5)]
    assert found["energy"]["false_alarms"] == 0.2
    assert found["review"]["budget_per_day"] == 1
    assert (cladist.folder / "b" / "MODEL_CARD.md").read_text() != before
    assert "go to people" in "\n".join(cladist.ok(*words, *budget))
    (cladist.folder / "colours.txt").write_text("colour > blue\n\n")
    options = ("--under", "colour", "--block", "@colours.txt", "--report", "colour > blue", "--bin",
               "all=colour > red,colour > blue", "--top-k", "1", "--decode", "crm")  # fmt: skip
    (prediction,) = map(json.loads, cladist.ok("predict", "b", "test-blue-0.png", "--json", *options))
    assert [label["node"] for label in prediction["levels"]] == ["colour", "colour > red"]
    assert [label["alternatives"] for label in prediction["levels"]] == [[], []]
    assert prediction["reported"] == [{"level": 2, "node": "colour > blue", "name": "blue", "confidence": 0.0}]
    assert prediction["bins"] == {"all": 1.0}
    assert "bin: all 1.000" in cladist.ok("predict", "b", "test-blue-0.png", *options)


def test_jobs_are_listed_cancelled_and_retried(cladist: Cladist, make_bundle: MakeBundle) -> None:
    """A queued job can be cancelled, a cancelled one retried, with one line where it cannot be."""
    make_bundle(cladist.folder / "b")
    cladist.ok("db", "upgrade")
    cladist.ok("bundle", "add", "b")
    (job,) = cladist.ok("submit", "a.png", "--key", "one")
    assert cladist.ok("submit", "a.png", "--key", "one") == [job]
    assert "another asset" in cladist.refused("submit", "b.png", "--key", "one")
    assert cladist.ok("jobs", "cancel", job) == [f"{job} cancelled"]
    assert "is cancelled" in cladist.refused("jobs", "cancel", job)
    assert cladist.ok("jobs", "retry", job) == [f"{job} queued"]
    assert "cannot become queued" in cladist.refused("jobs", "retry", job)
    cladist.ok("worker", "--drain")
    assert "asset_not_found" in "\n".join(cladist.ok("jobs", "list", "--status", "failed"))
    assert "no job has the id 99" in cladist.refused("jobs", "show", "99")
    assert "no node has the id" in cladist.refused("labels", "--under", "Nowhere")


def test_commands_need_an_upgraded_database(cladist: Cladist) -> None:
    """Exit code 2 and what to run."""
    for words in (["jobs", "list"], ["submit", "a.png"], ["worker"], ["labels", "--under", "x"]):
        assert "run `cladist db upgrade`" in cladist.refused(*words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonsense"], "No such command"),
        (["train"], "--labels"),
        (["train", "--labels", "l", "--out", "b", "--option", "loss"], "--option takes NAME=VALUE"),
        (["submit"], "give URIs"),
        (["submit", "a", "b", "--key", "k"], "exactly one URI"),
        (["predict", "none", "a.png"], "none: no such bundle"),
        (["taxonomy", "check", "none.txt"], "none.txt: No such file"),
        (["jobs", "list", "--status", "lost"], "'lost' is not one of"),
        (["calibrate", "b", "--labels", "l", "--split", "val", "--target-accuracy", "1"], "--target-accuracy"),
        (["predict", "b", "a.png", "--decode", "worst"], "--decode"),
        (["predict", "b", "a.png", "--top-k", "0"], "--top-k"),
    ],
)
def test_wrong_use_is_one_line(cladist: Cladist, words: list[str], message: str) -> None:
    """Exit code 2, one line on standard error."""
    assert message in cladist.refused(*words)


def test_bad_settings_name_the_variable(cladist: Cladist) -> None:
    """The environment is checked at the edge."""
    assert "CLADIST_BATCH_SIZE" in cladist.refused("jobs", "list", CLADIST_BATCH_SIZE="many")
    assert "CLADIST_DATABASE_URL" in cladist.refused("db", "upgrade", CLADIST_DATABASE_URL="mysql://x/y")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[1:], "line 1: expected a header"),
        (lambda lines: [*lines, "gone.png,colour > red,train"], "line 34: no image 'gone.png'"),
        (lambda lines: [*lines, "train-red-0.png,colour > green,train"], "line 34: 'colour > green' is not in the tax"),
        (lambda lines: [*lines, "train-red-0.png,colour > red,later"], "line 34: unknown split 'later'"),
        (lambda lines: [*lines, "../../etc/passwd,colour > red,train"], "line 34: .*outside"),
        (lambda lines: [*lines, "text.png,colour > red,train"], "line 34: .*not an image"),
        (lambda lines: [*lines, "torn.jpg,colour > red,train"], "line 34: .*truncated"),
    ],
)
def test_bad_labels_name_the_line(
    cladist: Cladist, labels: Path, change: Callable[[list[str]], list[str]], message: str
) -> None:
    """Training does not start on labels that are wrong anywhere."""
    taxonomy = Taxonomy([Node("c", "colour"), Node("r", "red", ("c",)), Node("b", "blue", ("c",))])
    (cladist.folder / "taxonomy.json").write_text(canonical_json(taxonomy))
    (cladist.folder / "text.png").write_text("not a picture")
    whole = cladist.folder / "whole.jpg"
    Image.effect_noise((99, 99), 50).convert("RGB").save(whole)
    (cladist.folder / "torn.jpg").write_bytes(whole.read_bytes()[:700])
    labels.write_text("\n".join(change(labels.read_text().splitlines())) + "\n")
    done = cladist(*TRAIN, "--taxonomy", "taxonomy.json", "--out", "b")
    assert done.returncode == 2
    error = done.stderr.splitlines()[-1]
    assert "labels" in error
    assert re.search(message, error), error
    assert not (cladist.folder / "b").exists()


def test_a_cycle_is_named(cladist: Cladist) -> None:
    """All nodes of the cycle, in order."""
    nodes = [{"id": "a", "name": "A", "parents": ["c"]}, {"id": "b", "name": "B", "parents": ["a"]},
             {"id": "c", "name": "C", "parents": ["b"]}]  # fmt: skip
    (cladist.folder / "t.json").write_text(json.dumps({"format": "cladist-taxonomy/1", "nodes": nodes}))
    assert "cycle: 'a' -> 'b' -> 'c' -> 'a'" in cladist.refused("taxonomy", "check", "t.json")


def test_a_bundle_of_another_release_is_refused(cladist: Cladist, make_bundle: MakeBundle) -> None:
    """A bundle whose taxonomy was exchanged cannot be used."""
    made = make_bundle(cladist.folder / "b")
    (made.folder / "taxonomy.json").write_text(canonical_json(Taxonomy([Node("x", "X")])))
    Image.new("RGB", (9, 9)).save(cladist.folder / "a.png")
    assert "trained on taxonomy release" in cladist.refused("predict", "b", "a.png")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "b", "a.png", "--under", "Nowhere"], "--under: no node has the id or path 'Nowhere'"),
        (["predict", "b", "a.png", "--allow", "@none.txt"], "--allow: none.txt: No such file"),
        (["predict", "b", "a.png", "--bin", "x"], "--bin takes NAME=NODE,NODE, not 'x'"),
        (["predict", "b", "a.png", "--bin", "x=disc,nope"], "--bin: no node has the id or path 'nope'"),
        (
            ["predict", "b", "a.png", "--under", "disc", "--block", "disc"],
            "nothing is left under 'disc', without 'disc'",
        ),
        (["calibrate", "b", "--labels", "l", "--split", "val", "--target", "disc"], "--target takes NODE=NUMBER"),
        (["calibrate", "b", "--labels", "l", "--split", "val", "--target", "x=0.9"], "--target: no node has the id"),
        (["calibrate", "b", "--labels", "l", "--split", "val", "--reviews-per-day", "5"], "both --reviews-per-day and"),
    ],
)
def test_wrong_nodes_and_numbers_are_one_line(
    cladist: Cladist, make_bundle: MakeBundle, words: list[str], message: str
) -> None:
    """Each names the option and what was given."""
    make_bundle(cladist.folder / "b")
    assert message in cladist.refused(*words)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.png", None, "none.png: no such file"),
        ("torn.jpg", b"\xff\xd8\xff\xe0 torn", "torn.jpg"),
        ("text.jpg", b"just text", "not an image in an allowed format"),
    ],
)
def test_predict_refuses_bad_images(
    cladist: Cladist, make_bundle: MakeBundle, name: str, content: bytes | None, message: str
) -> None:
    """One line that names the file, and exit code 1."""
    make_bundle(cladist.folder / "b")
    if content is not None:
        (cladist.folder / name).write_bytes(content)
    done = cladist("predict", "b", name)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert message in done.stderr


def test_taxonomy_commands_agree_on_one_file(cladist: Cladist, labels: Path) -> None:
    """Counts, the tree with counts, and a conversion that keeps the release."""
    (counts,) = map(json.loads, cladist.ok("taxonomy", "check", "labels.csv", "--json"))
    assert {key: counts[key] for key in ("nodes", "edges", "roots", "leaves", "levels")} == {
        "nodes": 3, "edges": 2, "roots": 1, "leaves": 2, "levels": 2}  # fmt: skip
    assert cladist.ok("taxonomy", "show", str(labels)) == ["colour  (2)", "  blue", "  red"]
    cladist.ok("taxonomy", "convert", "labels.csv", "--out", "t.json")
    (again,) = map(json.loads, cladist.ok("taxonomy", "check", "t.json", "--json"))
    assert again == {**counts, "format": "canonical-json"}
    for form in ("csv", "skos-turtle"):
        cladist.ok("taxonomy", "convert", "labels.csv", "--to", form, "--out", "t.out")
        assert json.loads(cladist.ok("taxonomy", "check", "t.out", "--json")[0]) == {**counts, "format": form}
    assert cladist.ok("taxonomy", "convert", "labels.csv", "--to", "graphviz")[0] == "digraph taxonomy {"
    assert "can be read, not written" in cladist.refused("taxonomy", "convert", "labels.csv", "--to", "tiers")
