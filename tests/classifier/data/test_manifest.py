"""labels.csv against a taxonomy: every error names the line."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from classifier.data.manifest import Manifest, label_positions, read_manifest
from classifier.errors import ManifestError
from classifier.training.train import training_splits
from taxonomy import CladistError, Hierarchy, Node, Taxonomy, TaxonomyError

TAXONOMY = Taxonomy([Node("s", "Shoes"), Node("b", "Boots", ("s",)), Node("c", "Clogs", ("s",)), Node("x|y", "Odd")])
Read = Callable[..., Manifest]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a labels.csv beside the images 1.jpg and 2.jpg, and read it."""

    def write_and_read(text: str, images: Path | None = None) -> Manifest:
        for name in ("1.jpg", "2.jpg"):
            (tmp_path / name).write_bytes(b"never opened here")
        (tmp_path / "labels.csv").write_text(text, newline="")
        return read_manifest(tmp_path / "labels.csv", TAXONOMY, images)

    return write_and_read


def test_a_manifest_in_full(read: Read, tmp_path: Path) -> None:
    """By path and by node, with defaults for split and weight."""
    manifest = read("image,path,node,split,weight\n1.jpg,Shoes > Boots,,val,0.5\n2.jpg,,c,,\n1.jpg,Shoes,,test,0\n")
    rows = [(s.image, s.node_id, s.split, s.weight, s.line) for s in manifest.samples]
    assert rows == [
        (tmp_path / "1.jpg", "b", "val", 0.5, 2),
        (tmp_path / "2.jpg", "c", "train", 1.0, 3),
        (tmp_path / "1.jpg", "s", "test", 0.0, 4),
    ]


def test_crlf_bom_and_white_space(read: Read) -> None:
    manifest = read("\ufeffimage,path,split\r\n 1.jpg , Shoes  >  Boots , val \r\n")
    assert [(s.image.name, s.node_id, s.split) for s in manifest.samples] == [("1.jpg", "b", "val")]


def test_images_in_another_folder(read: Read, tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "3.jpg").write_bytes(b"x")
    manifest = read("image,node\n3.jpg,b\n", tmp_path / "photographs")
    assert manifest.samples[0].image == tmp_path / "photographs" / "3.jpg"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1.jpg,,,,", "line 3: neither a node nor a path"),
        ("1.jpg,boots,,,", "line 3: taxonomy: no node has the id 'boots'"),
        ("1.jpg,,Shoes > Hats,,", "line 3: 'Shoes > Hats' is not in the taxonomy: no 'Hats' under 'Shoes'"),
        ("1.jpg,,Hats,,", "line 3: 'Hats' is not in the taxonomy: no 'Hats' among the roots"),
        ("1.jpg,b|c,,,", "line 3: several nodes 'b|c' need the multi-label mode; this one is single-label"),
        ("1.jpg,b,,dev,", "line 3: unknown split 'dev'; known: train, val, test"),
        ("1.jpg,b,,,-1", "line 3: weight '-1' is not a number of at least 0"),
        ("1.jpg,b,,,heavy", "line 3: weight 'heavy' is not a number of at least 0"),
        ("1.jpg,b,,,nan", "line 3: weight 'nan' is not a number of at least 0"),
        ("1.jpg,b,,,inf", "line 3: weight 'inf' is not a number of at least 0"),
        (",b,,,", "line 3: blank image name"),
        ("  ,b,,,", "line 3: blank image name"),
        ("1.jpg\0,b,,,", "line 3: a NUL byte in the text"),
        ("1.jpg,b,,", "line 3: the row does not have 5 fields"),
        ("1.jpg,b,,,,,", "line 3: the row does not have 5 fields"),
    ],
)
def test_a_wrong_row_names_its_line(read: Read, tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read(f"image,node,path,split,weight\n2.jpg,c,,,\n{row}\n")
    assert str(caught.value) == f"{tmp_path / 'labels.csv'}: {message}"


def test_a_missing_image_names_line_and_folder(read: Read, tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        read("image,node\n1.jpg,b\nnowhere.jpg,b\n")
    assert str(caught.value) == f"{tmp_path / 'labels.csv'}: line 3: no image 'nowhere.jpg' in {tmp_path}"


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/hostname", "sub/../../secret.jpg", "out/secret.jpg"])
def test_an_image_outside_the_folder(read: Read, tmp_path: Path, name: str) -> None:
    """Neither by dots, nor from the root, nor through a symbolic link."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "secret.jpg").write_bytes(b"x")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "out").symlink_to(tmp_path / "sub")
    with pytest.raises(ManifestError, match=rf"line 2: '{name}' lies outside {inside}"):
        read(f"image,node\n{name},b\n", inside)


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "loop"], ids=["too long", "a link to itself"])
def test_a_name_that_the_file_system_refuses(read: Read, tmp_path: Path, name: str) -> None:
    os.symlink("loop", tmp_path / "loop")  # noqa: PTH211 (the target is relative on purpose)
    with pytest.raises(ManifestError, match="line 2: "):
        read(f"image,node\n{name},b\n")


def test_a_folder_is_no_image(read: Read, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ManifestError, match="line 2: no image 'folder'"):
        read("image,node\nfolder,b\n")


@pytest.mark.parametrize("text", ["1.jpg,b\n", "", "image\n1.jpg\n", "node,path\nb,c\n"])
def test_a_file_without_a_header_is_refused(read: Read, text: str) -> None:
    with pytest.raises(ManifestError, match="line 1: expected a header with 'image' and 'path' or 'node'"):
        read(text)


@pytest.mark.parametrize("content", [None, b"\x80"])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A missing file and one that is not UTF-8: the message names the file."""
    if content is not None:
        (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(ManifestError, match=r"labels\.csv: (No such file|not UTF-8 text)"):
        read_manifest(tmp_path / "labels.csv", TAXONOMY)


def test_an_id_that_holds_the_sign_of_several_nodes(read: Read) -> None:
    assert read("image,node\n1.jpg,x|y\n").samples[0].node_id == "x|y"


def test_samples_are_found_by_split(read: Read) -> None:
    manifest = read("image,node,split\n1.jpg,b,train\n2.jpg,c,test\n")
    assert [sample.line for sample in manifest.split("test")] == [3]
    assert (manifest.has_split("train"), manifest.has_split("val")) == (True, False)
    with pytest.raises(ManifestError, match=r"labels.csv: the split 'val' has no samples"):
        manifest.split("val")


def test_without_a_val_split_every_tenth_training_image_is_held_out(read: Read) -> None:
    manifest = read("image,node\n" + "1.jpg,b\n" * 25)
    train, held_out, name = training_splits(manifest)
    assert [sample.line for sample in held_out] == [11, 21]
    assert len(train) == 23
    assert not set(train) & set(held_out)
    assert name == "every 10th of train"


def test_too_few_to_hold_any_out(read: Read) -> None:
    with pytest.raises(CladistError, match="9 training images are too few, and there is no val split"):
        training_splits(read("image,node\n" + "1.jpg,b\n" * 9))


def test_label_positions_are_places_in_the_hierarchy(read: Read) -> None:
    """Each sample's place in the hierarchy; a node of another taxonomy has none."""
    hierarchy = Hierarchy.compile(TAXONOMY)
    samples = read("image,node\n1.jpg,c\n2.jpg,s\n").samples
    assert [hierarchy.node_ids[position] for position in label_positions(samples, hierarchy)] == ["c", "s"]
    with pytest.raises(TaxonomyError, match="no node has the id 'c'"):
        label_positions(samples, Hierarchy.compile(Taxonomy([Node("s", "Shoes")])))


def test_columns_that_contradict_each_other(read: Read) -> None:
    assert read("image,node,path\n1.jpg,b,Shoes > Boots\n").samples[0].node_id == "b"
    with pytest.raises(ManifestError, match=r"line 2: the node 'c' and the path 'Shoes > Boots' are not the same"):
        read("image,node,path\n1.jpg,c,Shoes > Boots\n")


@pytest.mark.parametrize("label", ["b", "Boots", "Shoes > Boots"])
def test_a_label_is_an_id_a_name_or_a_path(read: Read, label: str) -> None:
    assert read(f"Filename;Label\n1.jpg;{label}\n").samples[0].node_id == "b"


def test_rows_of_one_image_are_one_sample_with_several_labels(read: Read, tmp_path: Path) -> None:
    """The long format of several labels; in single-label mode they stay two samples."""
    assert len(read("image,node\n1.jpg,b\n1.jpg,c\n2.jpg,b\n").samples) == 3
    manifest = read_manifest(tmp_path / "labels.csv", TAXONOMY, multi_label=True)
    assert [sample.node_ids for sample in manifest.samples] == [("b", "c"), ("b",)]


def test_an_image_folder_is_a_manifest(tmp_path: Path) -> None:
    """Folders are paths; train and val above them are splits."""
    for name in ("train/Shoes/Boots/1.jpg", "val/Shoes/Clogs/2.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    samples = read_manifest(tmp_path, TAXONOMY).samples
    assert [(s.image.name, s.node_id, s.split) for s in samples] == [("1.jpg", "b", "train"), ("2.jpg", "c", "val")]


def test_a_coco_file_is_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"x")
    text = '{"images":[{"id":5,"file_name":"1.jpg"}],"annotations":[{"image_id":5,"category_id":"b"}],"categories":[]}'
    (tmp_path / "labels.json").write_text(text)
    assert [sample.node_id for sample in read_manifest(tmp_path / "labels.json", TAXONOMY).samples] == ["b"]


def test_a_label_that_no_answer_can_lead_to_is_refused(tmp_path: Path) -> None:
    """A deprecated leaf is no terminal; its parent, which has another child, may still be a label."""
    (tmp_path / "1.jpg").write_bytes(b"never opened here")
    old = Taxonomy([Node("s", "Shoes"), Node("b", "Boots", ("s",)), Node("g", "Gaiters", ("s",), deprecated=True)])
    (tmp_path / "labels.csv").write_text("image,node\n1.jpg,s\n")
    assert read_manifest(tmp_path / "labels.csv", old).samples[0].node_id == "s"
    (tmp_path / "labels.csv").write_text("image,node\n1.jpg,s\n1.jpg,g\n")
    with pytest.raises(ManifestError, match=r"line 3: the node 'g' is deprecated: no image can be labelled with it"):
        read_manifest(tmp_path / "labels.csv", old)
