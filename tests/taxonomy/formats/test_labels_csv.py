"""A labels.csv as the source of a taxonomy."""

import json
from pathlib import Path

import pytest
from fixture_types import Read, Refusal

from taxonomy import read_taxonomy
from taxonomy.formats.doubts.notes import collect_notes
from taxonomy.formats.folder import labels_of_folder
from taxonomy.formats.tables.labels_csv import read_rows

HEADER_HINT = "line 1: expected a header with 'image' and 'path' or 'node' (and 'split', 'weight' if you like), found "


def test_every_labelled_path_and_what_lies_above(read: Read) -> None:
    """Repeated paths and inner paths are normal here."""
    taxonomy = read("image,path,split\n1.jpg,A > B > C,train\n2.jpg,A > B > C,val\n3.jpg,A > B,train\n4.jpg,D,\n")
    assert [node.id for node in taxonomy] == ["A", "A > B", "A > B > C", "D"]
    assert [node.line for node in taxonomy] == [2, 2, 2, 5]


@pytest.mark.parametrize("head", ["image,path", "path,image", "split,image,path,weight", "image,path,photographer"])
def test_columns_in_any_order(read: Read, head: str) -> None:
    row = ",".join({"image": "1.jpg", "path": "A > B"}.get(name, "") for name in head.split(","))
    assert [node.name for node in read(f"{head}\n{row}\n")] == ["A", "B"]


def test_quotes_commas_and_crlf(read: Read) -> None:
    taxonomy = read('image,path\r\n1.jpg,"Home, Garden > ""Pots"""\r\n')
    assert taxonomy.find_path(["Home, Garden", '"Pots"']).name == '"Pots"'


def test_a_byte_order_mark_before_the_header(read: Read) -> None:
    """As Excel writes it."""
    assert len(read("\ufeffimage,path\r\n1.jpg,A > B\r\n")) == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1.jpg,A > B\n2.jpg,A > C\n", "'1.jpg, A > B'"),
        ("image,shade\n1.jpg,A\n", "'image, shade'"),
        ("thing,path\n1.jpg,A\n", "'thing, path'"),
        ("", "''"),
    ],
)
def test_no_header(refusal: Refusal, text: str, found: str) -> None:
    assert refusal(text, "labels-csv") == HEADER_HINT + found


@pytest.mark.parametrize("row", ["2.jpg,A > B", "2.jpg", "2.jpg,A > B,train,1,more"])
def test_a_row_of_the_wrong_length_names_its_line(refusal: Refusal, row: str) -> None:
    text = f"image,path,split,weight\n1.jpg,A > B,train,1\n{row}\n"
    assert refusal(text) == "line 3: the row does not have 4 fields"


@pytest.mark.parametrize("path", ["", "  ", "A > ", "A >  > C"])
def test_a_blank_name_names_its_line(refusal: Refusal, path: str) -> None:
    assert refusal(f"image,path\n1.jpg,A\n2.jpg,{path}\n").startswith("line 3: blank name in path ")


@pytest.mark.parametrize("row", ['2.jpg,"A" > B', '2.jpg,"A > B'])
def test_a_stray_quote_names_its_line(refusal: Refusal, row: str) -> None:
    assert refusal(f"image,path\n1.jpg,A\n{row}\n").startswith("line 3: ")


def test_labels_by_node_define_no_taxonomy(refusal: Refusal) -> None:
    message = "labels by node id do not define a taxonomy: give one with --taxonomy"
    assert refusal("image,node\n1.jpg,boots\n") == message


def test_a_header_alone_is_an_empty_taxonomy(refusal: Refusal) -> None:
    assert refusal("image,path\n") == "the taxonomy is empty"


@pytest.mark.parametrize("other", ["A > Big  tents", "A > Big\u00a0tents"])
def test_two_spellings_of_one_name_are_one_node(read: Read, other: str) -> None:
    """White space and accents are tidied, so that both rows label the same node, as find_path has it."""
    assert len(read(f"image,path\n1.jpg,A > Big tents\n2.jpg,{other}\n")) == 2


def test_a_quoted_header_is_detected(read: Read) -> None:
    """As many programs write it."""
    assert [node.name for node in read('"image","path"\n"1.jpg","A > B"\n')] == ["A", "B"]


@pytest.mark.parametrize(
    "text",
    [
        "Image;Path\n1.jpg;Fruit > Apple\n2.jpg;Fruit > Pear\n",
        "filename\tLabel\n1.jpg\tFruit/Apple\n2.jpg\tFruit/Pear\n",
        "IMAGE|SPLIT|PATH\n1.jpg|train|Fruit::Apple\n2.jpg|val|Fruit::Pear\n",
        "file,class\n1.jpg,Fruit|Apple\n2.jpg,Fruit|Pear\n",
    ],
)
def test_any_delimiter_case_and_separator(read: Read, text: str) -> None:
    """A path is a path, whatever separates its names: never flat classes."""
    assert [node.id for node in read(text, "labels-csv")] == ["Fruit", "Fruit > Apple", "Fruit > Pear"]


def test_a_few_slashes_are_reported_and_not_split() -> None:
    """One name of four with a slash is a name, and whoever reads is told."""
    rows = "image,label\n1.jpg,Food/Drink\n2.jpg,Cars\n3.jpg,Toys\n4.jpg,Art\n"
    with collect_notes() as notes:
        assert next(row["label"] for _, row in read_rows(rows, "x")) == "Food/Drink"
    assert notes == ["1 of 4 labels hold '/', too few for a separator: these names were not split"]


def test_a_label_studio_export(read: Read) -> None:
    task = {
        "id": 7,
        "data": {"image": "/data/local-files/?d=a/1.jpg"},
        "annotations": [{"result": [{"value": {"taxonomy": [["Fruit", "Apple"], ["Veg"]]}}]}],
    }
    text = json.dumps([task])
    assert [row for _, row in read_rows(text, "x")] == [
        {"image": "a/1.jpg", "path": "Fruit > Apple"},
        {"image": "a/1.jpg", "path": "Veg"},
    ]
    assert [node.id for node in read(text)] == ["Fruit", "Fruit > Apple", "Veg"]


def test_a_coco_file_labels_its_images_by_node() -> None:
    """One row for each category of an image, however many boxes it has."""
    coco = {
        "images": [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": "2.jpg"}],
        "annotations": [{"image_id": 1, "category_id": 7}, {"image_id": 1, "category_id": 7},
                        {"image_id": 1, "category_id": 8}, {"image_id": 2, "category_id": 8}],
        "categories": [{"id": 7, "name": "apple", "supercategory": "fruit"}, {"id": 8, "name": "pear"}],
    }  # fmt: skip
    assert [tuple(row.values()) for _, row in read_rows(json.dumps(coco), "x")] == [
        ("1.jpg", "7"), ("1.jpg", "8"), ("2.jpg", "8")]  # fmt: skip


def test_an_image_may_have_several_rows(read: Read) -> None:
    """The long format of multi-label data sets."""
    text = "image_id\tlabel\n1.jpg\tFruit/Apple\n1.jpg\tFruit/Pear\n2.jpg\tFruit/Pear\n"
    assert [(row["image"], row["label"]) for _, row in read_rows(text, "x")] == [
        ("1.jpg", "Fruit > Apple"), ("1.jpg", "Fruit > Pear"), ("2.jpg", "Fruit > Pear")]  # fmt: skip
    assert [node.id for node in read(text, "labels-csv")] == ["Fruit", "Fruit > Apple", "Fruit > Pear"]


def test_an_image_folder_with_splits(tmp_path: Path) -> None:
    """`train/Fruit/Apple/1.jpg`: the path below the split, and the split."""
    for name in ("train/Fruit/Apple/1.jpg", "val/Fruit/Pear/2.PNG", "train/Fruit/notes.txt", "train/.x/3.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [tuple(row.values()) for _, row in labels_of_folder(tmp_path)] == [
        ("train/Fruit/Apple/1.jpg", "Fruit > Apple", "train"),
        ("val/Fruit/Pear/2.PNG", "Fruit > Pear", "val"),
    ]
    assert [node.id for node in read_taxonomy(tmp_path)] == ["Fruit", "Fruit > Apple", "Fruit > Pear"]
