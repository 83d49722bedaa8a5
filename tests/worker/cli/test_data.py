"""`cladist data check` and `cladist evaluate --report` as users meet them: exit codes, JSON, tables, refusals."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fixture_types import MakeBundle
from PIL import Image

from classifier.bundles.bundle import Bundle
from taxonomy import Node, Taxonomy
from worker.cli.main import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cladist(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """cladist(*words): exit code, standard output and standard error of the command line, run in tmp_path."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cladist", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Four images of noise under the leaves of the tiny taxonomy, one twice, and one row with an unknown node."""
    rows = ["image,node,split"]
    for number, (node, split) in enumerate(
        [("disc", "train"), ("ring", "train"), ("square", "test"), ("red-disc", "test")]
    ):
        Image.effect_noise((60, 60), 90).convert("RGB").save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{node},{split}")
    rows += ["0.png,disc,test", "1.png,triangle,train", "2.png,pentagon,train"]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "labels.csv"


@pytest.fixture
def made(make_bundle: MakeBundle, tmp_path: Path) -> Bundle:
    """An untrained bundle, b in the folder of the test."""
    return make_bundle(tmp_path / "b")


@pytest.mark.usefixtures("labels", "made")
def test_findings_leave_the_exit_code_at_zero(cladist: Run) -> None:
    """As JSON: images, counts of every kind, and findings of kind, severity, where and what."""
    code, out, _ = cladist("data", "check", "labels.csv", "--taxonomy", "b/taxonomy.json", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["images"] == 5
    assert found["counts"]["unknown_node"] == 2
    assert found["counts"]["duplicate_across_splits"] == 1
    assert all(set(finding) == {"kind", "severity", "where", "what"} for finding in found["findings"])
    unknown = [finding for finding in found["findings"] if finding["kind"] == "unknown_node"]
    assert [finding["where"] for finding in unknown] == ["line 7", "line 8"]


@pytest.mark.usefixtures("labels", "made")
def test_strict_refuses_what_has_errors(cladist: Run) -> None:
    """The findings on standard output, exit code 2 and one line that counts the errors."""
    code, out, err = cladist("data", "check", "labels.csv", "--taxonomy", "b/taxonomy.json", "--strict", "--json")
    assert code == 2
    assert json.loads(out)["images"] == 5
    assert err == (
        "cladist: labels.csv: findings of severity error: duplicate_across_splits 1, unknown_node 2\n"
    )  # fmt: skip


@pytest.mark.usefixtures("labels", "made")
def test_the_table_says_how_many_it_leaves_out(cladist: Run) -> None:
    """At most so many of a kind; the rest is counted."""
    code, out, _ = cladist("data", "check", "labels.csv", "--taxonomy", "b/taxonomy.json", "--limit", "1")
    assert code == 0
    assert "unknown_node: 1 of 2 shown; --limit shows more" in out
    assert "line 7" in out
    assert "line 8" not in out


@pytest.mark.usefixtures("labels", "made")
def test_a_bundle_lends_its_taxonomy(cladist: Run, tmp_path: Path) -> None:
    """With --bundle and --against no --taxonomy is needed; five images are too few to compare, and that is said."""
    code, out, _ = cladist("data", "check", "labels.csv", "--bundle", "b", "--against", str(tmp_path), "--json")
    assert code == 0
    notes = [finding["what"] for finding in json.loads(out)["findings"] if finding["kind"] == "drift"]
    assert notes
    assert all("too few to compare" in note for note in notes)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.csv"], "none.csv: No such file"),
        (["labels.csv"], "labels by node id do not define a taxonomy"),
        (["labels.csv", "--bundle", "b"], "give --against too"),
        (["labels.csv", "--taxonomy", "b/taxonomy.json", "--against", "empty"], "empty: holds no image"),
        (["notes.txt", "--taxonomy", "b/taxonomy.json"], "notes.txt: line 1: expected a header"),
    ],
)
@pytest.mark.usefixtures("labels", "made")
def test_what_cannot_be_read_is_one_line(cladist: Run, tmp_path: Path, words: list[str], message: str) -> None:
    """Exit code 2, nothing on standard output."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("not labels\n")
    code, out, err = cladist("data", "check", *words)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err


@pytest.mark.usefixtures("made")
def test_a_report_from_the_command_line(cladist: Run, labels: Path, make_bundle: MakeBundle) -> None:
    """The metrics on standard output as without it, and the page in its folder, another bundle beside."""
    labels.write_text("\n".join(labels.read_text().splitlines()[:-2]) + "\n")
    make_bundle(labels.parent / "c", seed=1)
    evaluate = ("evaluate", "b", "--labels", "labels.csv", "--split", "test", "--json")
    code, out, _ = cladist(*evaluate, "--report", "r", "--against", "c")
    assert code == 0
    assert out == cladist(*evaluate)[1]
    page = (labels.parent / "r" / "report.html").read_text(encoding="utf-8")
    assert "<h2>Operating curve</h2>" in page
    assert "bundle c (" in page


@pytest.mark.usefixtures("made")
def test_reports_that_cannot_be_made(cladist: Run, labels: Path, make_bundle: MakeBundle) -> None:
    """One line each: nothing to draw into, an empty split, another taxonomy, a file in the way."""
    labels.write_text("\n".join(labels.read_text().splitlines()[:-2]) + "\n")
    make_bundle(labels.parent / "other", Taxonomy([Node("x", "X"), Node("y", "Y")]))
    evaluate = ("evaluate", "b", "--labels", "labels.csv", "--split")
    refusals = {
        "give --report too": (*evaluate, "test", "--against", "other"),
        "the split 'val' has no samples": (*evaluate, "val", "--report", "r"),
        "other: trained on taxonomy release": (*evaluate, "test", "--report", "r", "--against", "other"),
        "0.png: File exists": (*evaluate, "test", "--report", "0.png"),
    }
    for message, words in refusals.items():
        code, _, err = cladist(*words)
        assert code == 2
        assert message in err.splitlines()[-1]
    assert not (labels.parent / "r").exists()
