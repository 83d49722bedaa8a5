"""The whole check: it goes on after every bad row and image, and says each once, with its line."""

from collections import Counter
from pathlib import Path

import pytest
from fixture_types import LabelsOf
from PIL import Image

from classifier.bundles.bundle import Bundle
from classifier.datacheck import Check, Finding, check_labels
from classifier.datacheck.findings import counts, shortened
from classifier.errors import ManifestError
from taxonomy import Taxonomy, read_taxonomy


@pytest.fixture
def spoiled(painted: Path) -> tuple[Path, Taxonomy]:
    """The painted images with two of every bad row after their 76 good ones, from line 78 on."""
    taxonomy = read_taxonomy(painted / "labels.csv")
    (painted / "text.png").write_text("not a picture")
    (painted / "empty.png").touch()
    rows = [
        "text.png,Warm > Red,train", "empty.png,Warm > Red,test",
        "gone.png,Warm > Red,train", "lost.png,Warm > Red,train",
        "train-Red-0.png,Warm > Pink,train", "train-Red-0.png,Cold > Pink,train",
        "train-Red-0.png,Warm > Red,later", "../../etc/passwd,Warm > Red,train",
    ]  # fmt: skip
    with (painted / "labels.csv").open("a") as stream:
        stream.write("\n".join(rows) + "\n")
    return painted / "labels.csv", taxonomy


def of_kind(check: Check, kind: str) -> list[Finding]:
    return [finding for finding in check.findings if finding.kind == kind]


def test_every_bad_row_and_image_is_listed(spoiled: tuple[Path, Taxonomy]) -> None:
    """All of them, each with its line, and the good rows are still looked at."""
    check = check_labels(*spoiled)
    assert check.images == 78
    assert {
        kind: [finding.where for finding in of_kind(check, kind)]
        for kind in ("unreadable_image", "missing_image", "unknown_node", "bad_row")
    } == {
        "unreadable_image": ["line 78", "line 79"],
        "missing_image": ["line 80", "line 81"],
        "unknown_node": ["line 82", "line 83"],
        "bad_row": ["line 84", "line 85"],
    }
    assert "text.png: not an image" in of_kind(check, "unreadable_image")[0].what
    assert "'Warm > Pink' is not in the taxonomy" in of_kind(check, "unknown_node")[0].what
    assert "outside" in of_kind(check, "bad_row")[1].what
    assert len(check.errors) == 8


def test_sound_data_have_no_error(painted: Path, labels_of: LabelsOf) -> None:
    """What remains is what eight training images a node deserve."""
    _, taxonomy = labels_of(painted)
    check = check_labels(painted / "labels.csv", taxonomy)
    assert check.images == 76
    assert check.errors == ()
    assert {finding.kind for finding in check.findings} <= {"too_fine", "level_too_fine", "imbalance", "near_duplicate"}
    assert len(of_kind(check, "too_fine")) == 2


def test_a_file_with_no_sound_row(painted: Path, labels_of: LabelsOf) -> None:
    """The errors are listed, and nothing breaks on there being nothing else."""
    _, taxonomy = labels_of(painted)
    (painted / "labels.csv").write_text("image,path\ngone.png,Warm > Red\n")
    check = check_labels(painted / "labels.csv", taxonomy)
    assert check.images == 0
    assert [finding.kind for finding in check.errors] == ["missing_image", "empty_split"]


@pytest.mark.parametrize("content", [None, "", "picture,path\n", "image,path\na.png\n"])
def test_a_file_that_cannot_be_read_is_refused(painted: Path, labels_of: LabelsOf, content: str | None) -> None:
    """Missing, empty, without a header, or with a row of the wrong length."""
    _, taxonomy = labels_of(painted)
    labels = painted / "other.csv"
    if content is not None:
        labels.write_text(content)
    with pytest.raises(ManifestError, match=r"other\.csv: "):
        check_labels(labels, taxonomy)


def test_against_production(painted: Path, labels_of: LabelsOf, trained: Bundle, tmp_path: Path) -> None:
    """Grey production images differ in colour from every split, and look different to the model; a torn one is told."""
    _, taxonomy = labels_of(painted)
    production = tmp_path / "production"
    production.mkdir()
    for number in range(30):
        Image.effect_noise((40, 40), 60).convert("RGB").save(production / f"{number}.png")
    (production / "torn.png").write_bytes(b"\x89PNG torn")
    check = check_labels(painted / "labels.csv", taxonomy, against=production, bundle=trained)
    (torn,) = of_kind(check, "unreadable_production_image")
    assert torn.what.startswith("1 of 31 images are unreadable")
    drifts = Counter(finding.where for finding in of_kind(check, "drift") if "colourfulness" in finding.what)
    assert drifts == {f"{split} against {production}": 1 for split in ("train", "val", "test")}
    assert any(f"as {trained.model} sees them" in finding.where for finding in of_kind(check, "drift"))


def test_what_is_shown_is_bounded_and_grave_first() -> None:
    """Two of each kind, errors first, and the counts of all."""
    findings = [Finding("n", "note", "", str(i)) for i in range(5)] + [
        Finding("e", "error", "", str(i)) for i in range(3)
    ]
    assert [(finding.kind, finding.what) for finding in shortened(findings, 2)] == [
        ("e", "0"), ("e", "1"), ("n", "0"), ("n", "1"),
    ]  # fmt: skip
    assert list(counts(findings).items()) == [("e", 3), ("n", 5)]
    shown = Check(9, tuple(findings)).as_dict(1)
    assert shown["counts"] == {"e": 3, "n": 5}
    assert shown["findings"][0] == {"kind": "e", "severity": "error", "where": "", "what": "0"}


@pytest.mark.photographs
def test_the_photographs(photographs: Path) -> None:
    """Real data: no bad row or image, no leak between splits, and packages of one kind under another's label."""
    check = check_labels(photographs / "labels.csv", read_taxonomy(photographs / "labels.csv"))
    assert check.errors == ()
    assert not of_kind(check, "near_duplicate_across_splits")
    (finding,) = of_kind(check, "near_duplicate_labels_differ")
    assert "Arla-Ecological-Sour-Cream" in finding.what
