"""Feature tables: gaps and scales by the numbers, and a small table learnt from end to end."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from arff import Table, TableError
from features import Scaler, fill_missing, training_rows
from sklearn.metrics import average_precision_score
from tables import TableConfig, train_table

from classifier.errors import TrainingError
from classifier.outputs.sigmoid_max import closed_targets
from taxonomy import Hierarchy, Node, Taxonomy

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "hmc"
QUICK = TableConfig(hidden_width=32, max_epochs=12, patience=12, batch_size=16, members=2, dropouts=(0.1, 0.9))
CORNERS = {"ab": (1, 1), "a": (1, -1), "b": (-1, 1), "c": (-1, -1)}


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    """`ab` lies below both a and b, which lie below the root as c does."""
    return Taxonomy(
        [Node("root", "root"), *(Node(x, x, ("root",)) for x in "abc"), Node("ab", "ab", ("a", "b"))], "corners"
    )


def corners(taxonomy: Taxonomy, count: int, seed: int, name: str = "corners") -> Table:
    """Noisy points around four corners, one value in twenty missing; the corner's node is the label."""
    random = np.random.default_rng(seed)
    chosen = random.choice(list(CORNERS), count)
    features = np.array([CORNERS[node_id] for node_id in chosen]) * 100.0 + random.normal(0, 30, (count, 2))
    features = np.hstack([features, np.full((count, 1), 7.0)])
    features[random.random(features.shape) < 0.05] = np.nan
    return Table(name, ("x", "y", "same"), features, tuple((str(node_id),) for node_id in chosen), taxonomy)


def test_gaps_take_the_mean_of_their_column() -> None:
    features = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan], [np.nan, 6.0, np.nan]])
    np.testing.assert_array_equal(fill_missing(features), [[1, 5.5, 0], [3, 5, 0], [2, 6, 0]])
    np.testing.assert_array_equal(fill_missing(features, np.array([9.0, 9, 9]))[:, 2], [9, 9, 9])


def test_a_column_that_never_changes_reads_zero() -> None:
    """Whatever it holds later; the others come to mean 0 and deviation 1."""
    scaler = Scaler.fit(np.array([[0.1, 1.0], [0.1, 3.0], [0.1, 5.0]]))
    torch.testing.assert_close(
        scaler(np.array([[5.0, 3.0], [0.1, 3 + 8**0.5 / 3**0.5]])), torch.tensor([[0.0, 0], [0, 1]])
    )


def test_each_file_fills_its_own_gaps_and_one_scaler_serves_both(taxonomy: Taxonomy) -> None:
    train = Table("t", ("x",), np.array([[0.0], [2.0], [np.nan]]), (("a",),) * 3, taxonomy)
    valid = Table("v", ("x",), np.array([[11.0], [np.nan]]), (("b",),) * 2, taxonomy)
    scaler, rows, held_out = training_rows(train, valid, Hierarchy.compile(taxonomy))
    values = np.array([0.0, 2, 1, 11, 11])
    assert scaler.mean.tolist() == [values.mean()]
    assert held_out is not None
    both = torch.cat([rows.features, held_out.features]).squeeze()
    torch.testing.assert_close(both, torch.from_numpy((values - values.mean()) / values.std()).float())


def test_a_small_table_is_learnt(taxonomy: Taxonomy) -> None:
    """Four corners of a square to an AU(PRC) above 0.95 without a valid part; coherent, and the same by seed."""
    train, test = corners(taxonomy, 200, 0), corners(taxonomy, 100, 1)
    model = train_table(train, None, QUICK)
    probs = model.predict(test)
    hierarchy = model.hierarchy
    assert probs.shape == (100, 5)
    assert (probs[:, hierarchy.edges[:, 1]] <= probs[:, hierarchy.edges[:, 0]]).all()
    truth = closed_targets(test.labels, hierarchy).toarray()
    assert average_precision_score(truth[:, 1:], probs[:, 1:], average="micro") > 0.95
    np.testing.assert_array_equal(train_table(train, None, QUICK).predict(test), probs)
    assert not np.array_equal(train_table(train, None, QUICK.model_copy(update={"seed": 1})).predict(test), probs)


def test_the_held_out_rows_choose_the_recipe(taxonomy: Taxonomy) -> None:
    """Where nine in ten activations dropped learn nothing, the smaller dropout is taken; all members train alike."""
    notes: list[tuple[str, int, int]] = []
    model = train_table(
        corners(taxonomy, 120, 0), corners(taxonomy, 60, 2), QUICK, lambda *note: notes.append((*note[:3],))
    )
    assert model.dropout == 0.1
    assert 1 <= model.epochs <= QUICK.max_epochs
    done = [note[1] for note in notes if note[0] == "train"]
    assert done == list(range(1, QUICK.members * model.epochs + 1))


def test_all_rows_of_one_class_still_train(taxonomy: Taxonomy) -> None:
    """Its nodes come out certain, the others improbable."""
    table = corners(taxonomy, 60, 0)
    table = Table("one", table.columns, table.features, (("a",),) * 60, taxonomy)
    probs = train_table(table, None, QUICK.model_copy(update={"dropouts": (0.1,)})).predict(table)
    assert (probs[:, [0, 1]] > 0.99).all()
    assert (probs[:, [2, 3, 4]] < 0.01).all()


def test_other_attributes_or_classes_are_refused(taxonomy: Taxonomy) -> None:
    train = corners(taxonomy, 40, 0, "train")
    renamed = Table("test", ("x", "z", "same"), train.features, train.labels, taxonomy)
    turned = Table("test", ("y", "x", "same"), train.features, train.labels, taxonomy)
    fewer = Table("test", train.columns, train.features, (("a",),) * 40, Taxonomy([Node("a", "a")]))
    model = train_table(train, None, QUICK.model_copy(update={"max_epochs": 1}))
    for other, complaint in {
        renamed: "test: other attributes than train has: 'y', for one",
        turned: "test: other attributes than train has, in another order",
        fewer: "test: other classes than train has",
    }.items():
        with pytest.raises(TableError) as refusal:
            model.predict(other)
        assert str(refusal.value) == complaint
        with pytest.raises(TableError):
            train_table(train, other, QUICK)


def test_too_few_rows_are_refused(taxonomy: Taxonomy) -> None:
    with pytest.raises(TableError, match="few: 9 rows are too few to train on; at least 10 are needed"):
        train_table(corners(taxonomy, 9, 0, "few"), None, QUICK)


def test_a_loss_that_overflows_is_refused(taxonomy: Taxonomy) -> None:
    with pytest.raises(TrainingError, match="not finite"):
        train_table(corners(taxonomy, 40, 0), None, QUICK.model_copy(update={"learning_rate": 1e38}))


def write_arff(table: Table, path: Path) -> None:
    """The table as an ARFF file with the edges of its DAG as classes."""
    edges = ",".join(f"{parent}/{node.id}" for node in table.taxonomy for parent in node.parents)
    head = [
        "@relation r",
        *(f"@attribute {name} numeric" for name in table.columns),
        f"@attribute class hierarchical {edges}",
    ]
    rows = [
        ",".join("?" if np.isnan(value) else str(value) for value in row) + "," + "@".join(labels)
        for row, labels in zip(table.features, table.labels, strict=True)
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([*head, "@data", *rows]) + "\n")


def test_the_benchmark_measures_every_set_of_a_folder(
    tmp_path: Path, taxonomy: Taxonomy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loose files, a folder's files and a spoiled set, which is named and left out."""
    for part, seed in {"train": 0, "valid": 1, "test": 2}.items():
        write_arff(corners(taxonomy, 40, seed), tmp_path / f"loose.{part}.arff")
        write_arff(corners(taxonomy, 40, seed), tmp_path / "inner" / f"Corners_{part}.arff")
    write_arff(corners(taxonomy, 40, 0), tmp_path / "spoiled.train.arff")
    (tmp_path / "inner" / "Corners_valid.arff").unlink()
    assert run(monkeypatch, tmp_path, "--seeds", "1", "--json") == 2
    printed = capsys.readouterr()
    assert f"{tmp_path / 'spoiled.train.arff'}: the set has no test file" in printed.err
    results = json.loads(printed.out)
    assert results.keys() == {"loose", "Corners"}
    for result in results.values():
        assert result.keys() >= {"auprc", "seeds", "seconds", "auprc_by_seed", "auprc_spread"}
        assert result["auprc"] > 0.9
        assert result["auprc_by_seed"] == [result["auprc"]]


def test_the_benchmark_refuses_a_folder_without_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, tmp_path)
    assert capsys.readouterr().err.endswith(f"{tmp_path}: no file NAME.train.arff or NAME.test.arff\n")


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str) -> int:
    """The exit code of `benchmarks/hmc.py --data folder`."""
    monkeypatch.setattr(sys, "argv", [str(BENCHMARK), "--data", str(folder), *options])
    code: int = runpy.run_path(str(BENCHMARK))["main"]()
    return code
