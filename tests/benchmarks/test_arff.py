"""ARFF with a hierarchical class: what is read, and what is refused by file and line."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from arff import Table, TableError, read_arff

HEADER = """% measured by nobody
@RELATION 'a name'

@ATTRIBUTE 'two words' numeric
@attribute colour {red, 'deep blue', green}
@ATTRIBUTE ident string
@ATTRIBUTE size REAL
@ATTRIBUTE class hierarchical CLASSES

@DATA
"""
TREE = "1,1/1,1/2/1,3"
DAG = "root/a,root/b,a/c,b/c,c/d"


def read(folder: Path, classes: str, *rows: str) -> Table:
    path = folder / "set.train.arff"
    path.write_text(HEADER.replace("CLASSES", classes) + "\n".join(rows) + "\n")
    return read_arff(path)


def test_numbers_nominals_and_missing_values(tmp_path: Path) -> None:
    """A nominal is one column a value, a missing number NaN, a missing nominal all 0, an identifier no column."""
    table = read(tmp_path, TREE, "1.5,red,x,-2,1/1", "?, 'deep blue' ,\"y,z\",1e3,3@1/2/1", "0,?,?,?,1 % a gene")
    assert table.columns == ("two words", "colour=red", "colour=deep blue", "colour=green", "size")
    expected = [[1.5, 1, 0, 0, -2], [np.nan, 0, 1, 0, 1000], [0, 0, 0, 0, np.nan]]
    np.testing.assert_array_equal(table.features, expected)
    assert table.labels == (("1/1",), ("3", "1/2/1"), ("1",))


def test_a_tree_of_paths(tmp_path: Path) -> None:
    """Steps of a path that no class names on its own are nodes too; a class listed twice is one."""
    taxonomy = read(tmp_path, TREE + ",1,1/1", "0,red,x,0,1").taxonomy
    assert {node.id: node.parents for node in taxonomy} == {
        "1": (), "1/1": ("1",), "1/2": ("1",), "1/2/1": ("1/2",), "3": ()}  # fmt: skip


def test_a_dag_of_edges(tmp_path: Path) -> None:
    """When every class is an edge and `root` is a parent, the nodes are the ends of the edges."""
    table = read(tmp_path, DAG, "0,red,x,0,c@b")
    assert {node.id: node.parents for node in table.taxonomy} == {
        "root": (), "a": ("root",), "b": ("root",), "c": ("a", "b"), "d": ("c",)}  # fmt: skip
    assert table.labels == (("c", "b"),)


def test_a_tree_whose_paths_all_have_two_steps_is_no_dag(tmp_path: Path) -> None:
    taxonomy = read(tmp_path, "1/1,1/2,2/1", "0,red,x,0,2/1").taxonomy
    assert [node.id for node in taxonomy.leaves] == ["1/1", "1/2", "2/1"]


def test_sparse_rows_are_filled_up(tmp_path: Path) -> None:
    """What a row leaves out is 0, and the first value of a nominal attribute."""
    table = read(tmp_path, TREE, "{3 7, 4 1/1}", "{1 'deep blue', 0 ?, 4 3}")
    np.testing.assert_array_equal(table.features, [[0, 1, 0, 0, 7], [np.nan, 0, 1, 0, 0]])


def test_gzip_crlf_and_latin_1(tmp_path: Path) -> None:
    """The same table from a compressed file, one with other line ends, and one in an older encoding."""
    text = HEADER.replace("CLASSES", TREE) + "1,red,x,2,1\n"
    expected = read(tmp_path, TREE, "1,red,x,2,1")
    (tmp_path / "a.arff.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "b.arff").write_bytes(text.replace("\n", "\r\n").encode())
    (tmp_path / "c.arff").write_bytes(("% caf\u00e9\n" + text).encode("latin-1"))
    for name in ("a.arff.gz", "b.arff", "c.arff"):
        table = read_arff(tmp_path / name)
        np.testing.assert_array_equal(table.features, expected.features)
        assert (table.columns, table.labels, table.taxonomy) == (expected.columns, expected.labels, expected.taxonomy)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("1,red,x,2", "line 12: 4 values for 5 attributes"),
        ("1,red,x,2,1,1", "line 12: 6 values for 5 attributes"),
        ("one,red,x,2,1", "line 12: attribute 'two words': 'one' is not a finite number"),
        ("nan,red,x,2,1", "line 12: attribute 'two words': 'nan' is not a finite number"),
        ("1,red,x,-inf,1", "line 12: attribute 'size': '-inf' is not a finite number"),
        ("1e999,red,x,2,1", "line 12: attribute 'two words': '1e999' is not a finite number"),
        (",red,x,2,1", "line 12: attribute 'two words': '' is not a finite number"),
        ("1,pink,x,2,1", "line 12: 'pink' is no value of attribute 'colour'"),
        ("1,red,x,2,1/7", "line 12: '1/7' is none of the classes"),
        ("1,red,x,2,", "line 12: '' is none of the classes"),
        ("1,red,x,2,1@@3", "line 12: '' is none of the classes"),
        ("1,'red,x,2,1", "line 12: \"'red\" is no value of attribute 'colour'"),
        ("{0 1, 9 2, 4 1}", "line 12: '9 2' is not an attribute's number and a value"),
        ("{0 1, 4}", "line 12: '4' is not an attribute's number and a value"),
        ("{0 1, 4 1", "line 12: a sparse row without its closing brace"),
        ("{0 1}", "line 12: '0' is none of the classes"),
    ],
)
def test_a_bad_row_is_refused_by_its_line(tmp_path: Path, row: str, complaint: str) -> None:
    with pytest.raises(TableError) as refusal:
        read(tmp_path, TREE, "1,red,x,2,1", row)
    assert str(refusal.value) == f"{tmp_path / 'set.train.arff'}: {complaint}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no @data"),
        ("@relation r\n@attribute a numeric\n@data\n1\n", "no hierarchical attribute with classes"),
        ("@attribute a numeric\n@attribute c hierarchical 1,2\n@data\n", "no row after @data"),
        (
            "@attribute c hierarchical 1,2\n@attribute d hierarchical 1,2\n",
            "line 2: a second hierarchical attribute, 'd'",
        ),
        ("@attribute a date yyyy\n", "line 1: attribute 'a' is of unknown kind 'date yyyy'"),
        ("@attribute a {x,y\n", "line 1: attribute 'a' is of unknown kind '{ x,y'"),
        ("1,2,3\n", "line 1: '1,2,3' is neither @relation, @attribute nor @data"),
        ("@attribute a\n", "line 1: '@attribute a' is neither @relation, @attribute nor @data"),
        ("@attribute c hierarchical root/a,a/b,b/a\n@data\n1\n", "cycle: 'a' -> 'b' -> 'a'"),
        ("@attribute c hierarchical 1,,2\n@data\n1\n", "the node named '' has a blank id"),
        ("@attribute c hierarchical\n@data\n1\n", "the node named '' has a blank id"),
    ],
)
def test_a_bad_header_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "set.arff"
    path.write_text(text)
    with pytest.raises(TableError) as refusal:
        read_arff(path)
    assert str(refusal.value) == f"{path}: {complaint}"


def test_a_missing_or_torn_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="No such file"):
        read_arff(tmp_path / "none.arff")
    whole = gzip.compress((HEADER.replace("CLASSES", TREE)).encode())
    for name, data in {"cut": whole[:-20], "no gzip": b"plain", "bent": whole[:12] + b"\xff\xff" + whole[14:]}.items():
        path = tmp_path / f"{name}.arff.gz"
        path.write_bytes(data)
        with pytest.raises(TableError, match=f"{name}.arff.gz: "):
            read_arff(path)
